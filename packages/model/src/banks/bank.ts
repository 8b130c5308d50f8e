// A prompt bank as a value and as a file: learned context vectors, ready text embeddings, or both, with what is needed to use them again.
// The file is safetensors with text metadata (docs/architecture.md); a bank made for other weights is refused.

import { nth, parseStrictJson, quoted } from "@biovlm/files";
import { ModelError, printShape } from "../contract/errors.js";
import type { Normalisation } from "../contract/pixel-spec.js";
import { openSafetensors, type Safetensors, writeSafetensors } from "../weights/safetensors.js";
import { toFloat32 } from "../weights/to-float32.js";
import { type BankMixture, checkMixture, MIXTURE_TENSORS, mixtureParts, readMixture } from "./bank-mixture.js";
import type { BankTensor } from "./bank-tensor.js";

export type { BankTensor } from "./bank-tensor.js";

const BANK_FORMAT = "biovlm-bank/1";

/** N prompts over any classes (`ctx`), over fixed classes (`text`), or both. */
export interface PromptBank {
  /** digest of the model the bank was made with */
  readonly modelDigest: string;
  /** name of how it was made, e.g. "biovlm", "released", "templates", "attributes" */
  readonly recipe: string;
  /** options of the recipe; `embedding` ("word" | "released") says how prompts are assembled, `prompts` names them for people */
  readonly options: Readonly<Record<string, unknown>>;
  /** ρ, the share of prompts kept for an image */
  readonly rho: number;
  /** what follows the class name, "." in the paper */
  readonly promptSuffix: string;
  /** classes of `text`, or those the bank was learned on */
  readonly classes: readonly string[];
  /** natural log of the scale on cosines */
  readonly logitScale: number;
  /** [C] images of each class where the bank was learned: how common they were; absent where that is not known */
  readonly classCounts?: readonly number[];
  readonly seed?: number;
  readonly createdBy: string;
  /** context vectors [N,T,W] */
  readonly ctx?: BankTensor;
  /** text embeddings [N,C,D], normalised, C in the order of `classes` */
  readonly text?: BankTensor;
  /** what the answer holds beside the routed prompts, for the bank's own classes; absent in banks of prompts alone */
  readonly mixture?: BankMixture;
}

/** N */
export function promptCount(bank: PromptBank): number {
  return (bank.ctx ?? bank.text)!.shape[0];
}

/** Names of the prompts for people, where the bank knows them. */
export function promptNames(bank: PromptBank): readonly string[] | undefined {
  const names = bank.options["prompts"];
  const known = Array.isArray(names) && names.length === promptCount(bank) && names.every((n) => typeof n === "string");
  return known ? (names as string[]) : undefined;
}

/** The pixels' mean and std that a bank was learned with; a bank that does not say was made from sentences and takes the model's own. */
export function normalisationOf(bank: Pick<PromptBank, "options">): Normalisation {
  return bank.options["normalisation"] === "imagenet" ? "imagenet" : "model";
}

function bad(what: string, expected: string, got: string): never {
  throw new ModelError("bad_bank", `bank ${what} — expected ${expected}, got ${got}. The file is damaged or was not made by biovlm.`);
}

/** Checks a bank's own consistency. Throws ModelError `bad_bank`. */
function checkBank(bank: PromptBank): PromptBank {
  const { ctx, text, classes, rho, logitScale } = bank;
  if (ctx === undefined && text === undefined) bad("tensors", "ctx, text or both", "neither");
  for (const [name, tensor] of [["ctx", ctx] as const, ["text", text] as const]) {
    if (tensor === undefined) continue;
    const count = tensor.shape.reduce((a, b) => a * b, 1);
    if (tensor.shape.length !== 3 || !tensor.shape.every((d) => Number.isSafeInteger(d) && d > 0) || count !== tensor.data.length) {
      bad(name, "three sizes above 0 that fit its numbers", `${printShape(tensor.shape)} for ${tensor.data.length} numbers`);
    }
    for (const x of tensor.data) if (!Number.isFinite(x)) bad(name, "finite numbers", String(x));
  }
  if (ctx !== undefined && text !== undefined && ctx.shape[0] !== text.shape[0]) {
    bad("text", `as many prompts as ctx has, ${ctx.shape[0]}`, String(text.shape[0]));
  }
  if (new Set(classes).size !== classes.length || classes.some((c) => typeof c !== "string" || c.trim() === "")) {
    bad("classes", "distinct names, none empty", quoted(JSON.stringify(classes)));
  }
  if (text !== undefined && text.shape[1] !== classes.length) {
    bad("text", `${classes.length} classes as in the metadata`, String(text.shape[1]));
  }
  if (text !== undefined) checkUnitRows(text);
  if (bank.mixture !== undefined) {
    checkMixture(bank.mixture, classes.length);
    if (bank.mixture.text !== undefined) checkUnitRows(bank.mixture.text);
    if (bank.mixture.untrained !== undefined) checkUnitRows(bank.mixture.untrained.text);
  }
  const { classCounts } = bank;
  if (classCounts !== undefined && (classCounts.length !== classes.length || !classCounts.every((n) => Number.isSafeInteger(n) && n >= 0)))
    bad("class_counts", `${classes.length} whole numbers, one a class`, quoted(JSON.stringify(classCounts)));
  if (!(rho > 0 && rho <= 1)) bad("rho", "a number in (0, 1]", String(rho));
  if (!Number.isFinite(logitScale) || Math.abs(logitScale) > 20) bad("logit_scale", "a number from -20 to 20", String(logitScale));
  if (!/^sha256:[0-9a-f]{64}$/.test(bank.modelDigest)) bad("model_digest", "sha256: and 64 hex digits", quoted(bank.modelDigest));
  return bank;
}

/** Scores are cosines only for rows of length 1; 1e-3 leaves room for banks written from half precision. */
function checkUnitRows({ data, shape: [, , D] }: BankTensor): void {
  for (let from = 0; from < data.length; from += D) {
    let square = 0;
    for (let i = from; i < from + D; i++) square += nth(data, i) ** 2;
    const length = Math.sqrt(square);
    if (Math.abs(length - 1) > 1e-3) bad("text", "embeddings of length 1", `length ${length} in row ${from / D}`);
  }
}

/** The bank's file. The same bank gives the same bytes. Throws `bad_bank`. */
export function writeBank(bank: PromptBank): Uint8Array {
  checkBank(bank);
  const tensors = (["ctx", "text"] as const).flatMap((name) => {
    const tensor = bank[name];
    if (tensor === undefined) return [];
    const { data, shape } = tensor;
    return [{ name, dtype: "F32" as const, shape, bytes: () => new Uint8Array(data.buffer, data.byteOffset, data.byteLength) }];
  });
  const mixture = bank.mixture === undefined ? undefined : mixtureParts(bank.mixture);
  return writeSafetensors([...tensors, ...(mixture?.tensors ?? [])], {
    format: BANK_FORMAT,
    model_digest: bank.modelDigest,
    recipe: bank.recipe,
    options: JSON.stringify(bank.options),
    rho: String(bank.rho),
    prompt_suffix: bank.promptSuffix,
    classes: JSON.stringify(bank.classes),
    logit_scale: String(bank.logitScale),
    ...(bank.classCounts === undefined ? {} : { class_counts: JSON.stringify(bank.classCounts) }),
    ...(bank.seed === undefined ? {} : { seed: String(bank.seed) }),
    created_by: bank.createdBy,
    ...(mixture === undefined ? {} : { mixture: mixture.metadata }),
  });
}

/** Largest bank file read. */
const MAX_BANK_BYTES = 512 * 1024 * 1024;

/**
 * Reads a bank file. Throws ModelError `bad_bank` or `malformed_safetensors`; nothing of a file that breaks a rule is used.
 * Whether it fits a model is a question of its own: {@link checkBankFits}.
 */
export function readBank(bytes: Uint8Array): PromptBank {
  if (bytes.byteLength > MAX_BANK_BYTES) bad("size", `at most ${MAX_BANK_BYTES} bytes`, String(bytes.byteLength));
  const file = openSafetensors(bytes);
  const text = (key: string): string => {
    const value = file.metadata[key];
    return value ?? bad(`metadata ${key}`, "a string", "none");
  };
  if (text("format") !== BANK_FORMAT) bad("format", BANK_FORMAT, quoted(text("format")));
  const mixture = file.metadata["mixture"];
  const allowed = ["ctx", "text", ...(mixture === undefined ? [] : MIXTURE_TENSORS)];
  for (const name of file.tensors.keys()) if (!allowed.includes(name)) bad("tensors", `${allowed.join(", ")} only`, quoted(name));
  const number = (key: string): number => {
    const value = text(key);
    return /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(value) ? Number(value) : bad(key, "a number", quoted(value));
  };
  const json = (key: string) => parseStrictJson(text(key), `bank metadata ${key}`, { maxDepth: 16, code: "bad_bank" });
  const classes = json("classes");
  const options = json("options");
  if (!Array.isArray(classes)) bad("classes", "a JSON list", typeof classes);
  if (typeof options !== "object" || options === null || Array.isArray(options)) bad("options", "a JSON object", typeof options);
  const counts = file.metadata["class_counts"] === undefined ? undefined : json("class_counts");
  if (counts !== undefined && !Array.isArray(counts)) bad("class_counts", "a JSON list", typeof counts);
  const ctx = tensorOf(file, "ctx");
  const embeddings = tensorOf(file, "text");
  return checkBank({
    modelDigest: text("model_digest"),
    recipe: text("recipe"),
    options: options as Record<string, unknown>,
    rho: number("rho"),
    promptSuffix: text("prompt_suffix"),
    classes: classes as string[],
    logitScale: number("logit_scale"),
    ...(counts === undefined ? {} : { classCounts: counts as number[] }),
    ...(file.metadata["seed"] === undefined ? {} : { seed: number("seed") }),
    createdBy: text("created_by"),
    ...(ctx === undefined ? {} : { ctx }),
    ...(embeddings === undefined ? {} : { text: embeddings }),
    ...(mixture === undefined ? {} : { mixture: readMixture(file, mixture) }),
  });
}

function tensorOf(file: Safetensors, name: "ctx" | "text"): BankTensor | undefined {
  const tensor = file.tensors.get(name);
  if (tensor === undefined) return undefined;
  if (tensor.dtype !== "F32") bad(name, "F32", tensor.dtype);
  if (tensor.shape.length !== 3) bad(name, "three sizes", printShape(tensor.shape));
  return { data: toFloat32("F32", tensor.bytes()).slice(), shape: tensor.shape as unknown as BankTensor["shape"] };
}

/** Refuses a bank made for other weights (`model_mismatch`) or whose sizes are not the model's (`bad_bank`). */
export function checkBankFits(
  bank: PromptBank,
  model: { readonly digest: string; readonly spec: { embedDim: number; text: { width: number; contextLength: number } } },
): void {
  if (bank.modelDigest !== model.digest) {
    throw new ModelError(
      "model_mismatch",
      `bank — expected one made for model ${model.digest}, got one for ${bank.modelDigest}. Use the bank's own model, or train again.`,
    );
  }
  const { embedDim: D, text } = model.spec;
  if (bank.ctx !== undefined && bank.ctx.shape[2] !== text.width)
    bad("ctx", `vectors of the model's text width ${text.width}`, printShape(bank.ctx.shape));
  if (bank.ctx !== undefined && bank.ctx.shape[1] > text.contextLength - 3) {
    bad("ctx", `at most ${text.contextLength - 3} context tokens`, String(bank.ctx.shape[1]));
  }
  const { mixture } = bank;
  if (mixture !== undefined && (mixture.expertW.length !== mixture.expertB.length * D || mixture.ctx.shape[2] !== text.width))
    bad(
      "mixture",
      `sizes of the model, D ${D} and W ${text.width}`,
      `${printShape(mixture.ctx.shape)} and ${mixture.expertW.length} numbers`,
    );
  if (bank.text !== undefined && bank.text.shape[2] !== D) bad("text", `embeddings of the model's size ${D}`, printShape(bank.text.shape));
}

/** "sha256:…" of bytes. */
export async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = await globalThis.crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>);
  return `sha256:${Array.from(new Uint8Array(digest), (b) => b.toString(16).padStart(2, "0")).join("")}`;
}

/** The bank's identity: the digest of its file's bytes. */
export function bankDigest(bank: PromptBank): Promise<string> {
  return sha256(writeBank(bank));
}

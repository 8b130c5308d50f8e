// What an answer may hold beside the routed prompts: one more prompt, learned by cross-entropy alone, and an expert on the image side. Both know
// the bank's own classes and no others. Source: docs/recipe.md, "mixture". As values and as tensors of a bank's file.

import { parseStrictJson } from "@biovlm/files";
import { ModelError, printShape } from "../contract/errors.js";
import type { Safetensors, TensorToWrite } from "../weights/safetensors.js";
import { toFloat32 } from "../weights/to-float32.js";
import type { BankTensor } from "./bank-tensor.js";

/**
 * z = (a · ((1 − v) · ((1 − q) · routed prompts + q · routed sentences) + v · s · f·t) + w · (W f + b)) / temperature, for a normalised image
 * embedding f [D]; q is the share of the untrained sentences, 0 where there are none.
 */
export interface BankMixture {
  /** context vectors of the one prompt [1,T,W] */
  readonly ctx: BankTensor;
  /** its normalised text embeddings t [1,C,D], once the bank is compiled */
  readonly text?: BankTensor;
  /** [C,D], rows in the order of the bank's classes */
  readonly expertW: Float32Array;
  /** [C] */
  readonly expertB: Float32Array;
  /** weight of the text part */
  readonly a: number;
  /** weight of the expert */
  readonly w: number;
  /** share of the one prompt in the text part */
  readonly v: number;
  /** the sentences that were there before anything was learned, routed as the prompts are; absent where they have no part in the answer */
  readonly untrained?: UntrainedText;
  /** what the scores are divided by, so that the answer is as sure as it may be: it changes no order of the scores; absent is 1 */
  readonly temperature?: number;
}

/** Sentences beside the learned prompts. */
export interface UntrainedText {
  /** normalised text embeddings [M,C,D] */
  readonly text: BankTensor;
  /** q, from 0 to 1 */
  readonly share: number;
}

function bad(what: string, expected: string, got: string): never {
  throw new ModelError("bad_bank", `bank ${what} — expected ${expected}, got ${got}. The file is damaged or was not made by biovlm.`);
}

/** Checks sizes and numbers against the bank's classes. @throws ModelError `bad_bank` */
export function checkMixture({ ctx, text, expertW, expertB, a, w, v, untrained, temperature = 1 }: BankMixture, C: number): void {
  for (const [name, x] of Object.entries({ a, w }))
    if (!(x >= 0 && Number.isFinite(x))) bad(`mixture ${name}`, "a number from 0 on", String(x));
  if (!(v >= 0 && v <= 1)) bad("mixture v", "a number from 0 to 1", String(v));
  if (!(temperature > 0 && Number.isFinite(temperature))) bad("mixture temperature", "a number above 0", String(temperature));
  if (expertB.length !== C) bad("expert.b", `${C} numbers, one a class`, String(expertB.length));
  if (expertW.length === 0 || expertW.length % C !== 0) bad("expert.W", `${C} rows, one a class`, `${expertW.length} numbers`);
  const sizes = [["ctx_ce", ctx], ...(text === undefined ? [] : [["text_ce", text]])] as [string, BankTensor][];
  for (const [name, { data, shape }] of sizes) {
    if (shape[0] !== 1 || shape[1] * shape[2] !== data.length || data.length === 0) bad(name, "one prompt", printShape(shape));
    for (const x of data) if (!Number.isFinite(x)) bad(name, "finite numbers", String(x));
  }
  if (text !== undefined && (text.shape[1] !== C || text.shape[2] !== expertW.length / C))
    bad("text_ce", `[1, ${C}, ${expertW.length / C}]`, printShape(text.shape));
  if (untrained !== undefined) checkUntrained(untrained, C, expertW.length / C);
  for (const x of expertW) if (!Number.isFinite(x)) bad("expert.W", "finite numbers", String(x));
  for (const x of expertB) if (!Number.isFinite(x)) bad("expert.b", "finite numbers", String(x));
}

function checkUntrained({ text: { data, shape }, share }: UntrainedText, C: number, D: number): void {
  if (!(share >= 0 && share <= 1)) bad("mixture untrained", "a share from 0 to 1", String(share));
  if (shape[0] < 1 || shape[1] !== C || shape[2] !== D || data.length !== shape[0] * C * D)
    bad("text_untrained", `[M, ${C}, ${D}]`, printShape(shape));
  for (const x of data) if (!Number.isFinite(x)) bad("text_untrained", "finite numbers", String(x));
}

/** Names of the tensors that a mixture adds to a bank's file. */
export const MIXTURE_TENSORS: readonly string[] = ["ctx_ce", "text_ce", "text_untrained", "expert.W", "expert.b"];

/** The tensors and the one line of metadata. */
export function mixtureParts({ ctx, text, expertW, expertB, a, w, v, untrained, temperature }: BankMixture): {
  readonly tensors: TensorToWrite[];
  readonly metadata: string;
} {
  const tensor = (name: string, data: Float32Array, shape: readonly number[]): TensorToWrite => ({
    name,
    dtype: "F32",
    shape,
    bytes: () => new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  });
  const tensors = [
    tensor("ctx_ce", ctx.data, ctx.shape),
    ...(text === undefined ? [] : [tensor("text_ce", text.data, text.shape)]),
    ...(untrained === undefined ? [] : [tensor("text_untrained", untrained.text.data, untrained.text.shape)]),
    tensor("expert.W", expertW, [expertB.length, expertW.length / expertB.length]),
    tensor("expert.b", expertB, [expertB.length]),
  ];
  return { tensors, metadata: JSON.stringify({ a, w, v, untrained: untrained?.share, temperature }) };
}

/** Reads what `mixtureParts` wrote. @throws ModelError `bad_bank` */
export function readMixture(file: Safetensors, metadata: string): BankMixture {
  const numbers = (name: string, rank: number): { data: Float32Array; shape: readonly number[] } => {
    const tensor = file.tensors.get(name);
    if (tensor === undefined) return bad(name, `a tensor of ${rank} axes`, "none");
    if (tensor.dtype !== "F32" || tensor.shape.length !== rank)
      bad(name, `F32 of ${rank} axes`, `${tensor.dtype} ${printShape(tensor.shape)}`);
    return { data: toFloat32("F32", tensor.bytes()).slice(), shape: tensor.shape };
  };
  const values = parseStrictJson(metadata, "bank metadata mixture", { maxDepth: 2, code: "bad_bank" });
  const value = (name: string): number => {
    const x = typeof values === "object" && values !== null ? Reflect.get(values, name) : undefined;
    return typeof x === "number" ? x : bad(`mixture ${name}`, "a number", typeof x);
  };
  const ctx = numbers("ctx_ce", 3) as BankTensor;
  const text = file.tensors.has("text_ce") ? (numbers("text_ce", 3) as BankTensor) : undefined;
  const expertW = numbers("expert.W", 2);
  const expertB = numbers("expert.b", 1).data;
  if (expertW.shape[0] !== expertB.length) bad("expert.W", `${expertB.length} rows`, printShape(expertW.shape));
  const said = (name: string) => typeof values === "object" && values !== null && Object.hasOwn(values, name);
  const temperature = said("temperature") ? { temperature: value("temperature") } : {};
  const sentences = said("untrained") ? { untrained: { text: numbers("text_untrained", 3) as BankTensor, share: value("untrained") } } : {};
  const mixture = { ctx, expertW: expertW.data, expertB, a: value("a"), w: value("w"), v: value("v"), ...sentences, ...temperature };
  return text === undefined ? mixture : { ...mixture, text };
}

/** The mixture for classes in another order, or for some of them; undefined where one of them is not the bank's own. */
export function pickMixture(mixture: BankMixture, own: readonly string[], classes: readonly string[]): BankMixture | undefined {
  const rows = classes.map((name) => own.indexOf(name));
  if (rows.includes(-1)) return undefined;
  const D = mixture.expertW.length / own.length;
  const picked = (from: Float32Array, size: number) => {
    const out = new Float32Array(rows.length * size);
    for (const [i, row] of rows.entries()) out.set(from.subarray(row * size, (row + 1) * size), i * size);
    return out;
  };
  const pickedText = ({ data, shape: [M] }: BankTensor): BankTensor => {
    const size = own.length * D;
    const out = new Float32Array(M * rows.length * D);
    for (let m = 0; m < M; m++) out.set(picked(data.subarray(m * size, (m + 1) * size), D), m * rows.length * D);
    return { data: out, shape: [M, rows.length, D] };
  };
  const { text, untrained } = mixture;
  return {
    ...mixture,
    expertW: picked(mixture.expertW, D),
    expertB: picked(mixture.expertB, 1),
    ...(text === undefined ? {} : { text: pickedText(text) }),
    ...(untrained === undefined ? {} : { untrained: { ...untrained, text: pickedText(untrained.text) } }),
  };
}

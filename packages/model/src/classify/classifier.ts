// From pixels to a routed prediction, every step in sight:
// pixels → preprocess → image tower → L2 normalise → scores against the bank's text embeddings → entropy → keep K prompts → softmax.
// Decoding files is the caller's (@biovlm/imaging); what a bank is, bank.ts; where the tower runs, encoder.ts.

import type { Core, PixelSpec, RgbImage } from "@biovlm/core";
import { nth } from "@biovlm/files";
import { type BankTensor, bankDigest, normalisationOf, type PromptBank, promptCount, promptNames } from "../banks/bank.js";
import { compileBank } from "../banks/compile-bank.js";
import type { PromptModel } from "../banks/prompts.js";
import type { Encoder, RunOptions } from "../contract/encoder.js";
import { ModelError } from "../contract/errors.js";
import { pixelSpec } from "../contract/pixel-spec.js";
import { encodeRgb } from "../encoding/exact-bytes.js";
import { type AnswerPart, bankLogits } from "./bank-logits.js";
import { learnedPrevalence, prevalenceShift } from "./prevalence.js";

/** One image's answer. */
export interface Classification {
  /** every class, most probable first */
  readonly predictions: readonly { readonly class: string; readonly probability: number }[];
  /** the K kept prompts, lowest entropy first (nats) */
  readonly kept: readonly { readonly prompt: number; readonly entropy: number }[];
  /** with `explain`: every prompt with its own probabilities, in the order of `classes` */
  readonly prompts?: readonly PromptAnswer[];
  /** with `explain`, of a bank with a mixture, or with a prevalence: what each part adds to the score of the first class over the second; they add up to the margin */
  readonly parts?: readonly PartAnswer[];
}

/** A part's say in an answer. */
export interface PartAnswer {
  readonly name: AnswerPart["name"];
  /** weight in the sum of scores */
  readonly weight: number;
  /** its weighted score of the first class less that of the second; 0 where there is one class */
  readonly margin: number;
}

/** What one prompt of the bank says of an image: entropy in nats, and whether routing kept it. */
export interface PromptAnswer {
  readonly index: number;
  readonly name?: string;
  readonly entropy: number;
  readonly kept: boolean;
  readonly probabilities: readonly number[];
}

/** What a classifier is made of. */
export interface ClassifierParts {
  readonly core: Core;
  readonly encoder: Encoder;
  readonly model: PromptModel & { readonly digest: string };
  readonly bank: PromptBank;
  /** open set: any class names where the bank has context vectors; the bank's own unless given */
  readonly classes?: readonly string[];
  /** ρ, the bank's own unless given */
  readonly rho?: number;
  /**
   * π [C]: how common each class is where the images come from, in the order of the classes, or "learned": as they were where the bank was
   * learned. Equally common unless given
   */
  readonly prevalence?: readonly number[] | "learned";
}

/** What one call asks for beside the answer. */
export interface ClassifyOptions extends RunOptions {
  readonly explain?: boolean;
  /** Called with milliseconds of each part as it ends, once for each batch: sum them. */
  readonly onTiming?: (part: "preprocess" | "encode" | "route", milliseconds: number) => void;
}

/** A bank compiled for class names: images or embeddings in, routed predictions out. */
export interface Classifier {
  readonly classes: readonly string[];
  readonly bank: PromptBank & { readonly text: BankTensor };
  /** π [C] that the answers reckon with, where one was given */
  readonly prevalence?: readonly number[];
  /** digest of the bank as it was given */
  readonly bankDigest: string;
  /** how images become pixels for `classifyEmbeddings`: the model's mean and std, or what the bank was learned with */
  readonly pixels: PixelSpec;
  /** decoded images → answers, in order */
  classify(images: readonly RgbImage[], options?: ClassifyOptions): Promise<Classification[]>;
  /** embeddings [B,D] as encodeImages gives them → answers, in order */
  classifyEmbeddings(embeddings: Float32Array, options?: ClassifyOptions): Classification[];
  /** normalised embeddings [B,D] → scores [B,C] whose softmax the answers are, in the order of `classes` */
  logits(features: Float32Array, B: number): Float32Array;
}

/**
 * Prepares a bank's text embeddings once and classifies with them.
 * @throws ModelError `bad_classes`, `model_mismatch`, `bad_bank`, `bad_argument` for ρ outside (0, 1] or shares that cannot be.
 * @example
 * const classifier = await createClassifier({ core, encoder, model, bank });
 * const [answer] = await classifier.classify([pixels], { explain: true });
 */
export async function createClassifier(given: ClassifierParts): Promise<Classifier> {
  const { core, encoder, model, bank, classes, rho = bank.rho } = given;
  if (!(rho > 0 && rho <= 1)) throw new ModelError("bad_argument", `rho — expected a number in (0, 1], got ${rho}. Correct it.`);
  const digest = await bankDigest(bank);
  const compiled = await compileBank({ core, encoder, model }, bank, classes);
  const { embedDim: D } = model.spec;
  const input = pixelSpec(model.spec, normalisationOf(bank));
  const S = input.size;
  const N = promptCount(compiled);
  const C = compiled.classes.length;
  const names = promptNames(bank);
  const prevalence = given.prevalence === "learned" ? learnedPrevalence(bank, compiled.classes) : given.prevalence;
  const scoring = { rho, shift: prevalence === undefined ? undefined : prevalenceShift(prevalence, C) };
  const routedAlone = compiled.mixture === undefined && scoring.shift === undefined;

  function route(embeddings: Float32Array, { explain = false, onTiming }: ClassifyOptions = {}): Classification[] {
    const B = embeddings.length / D;
    if (!Number.isInteger(B))
      throw new ModelError("bad_argument", `embeddings — expected rows of ${D}, got ${embeddings.length} numbers. Check the model.`);
    if (B === 0) return [];
    const start = performance.now();
    const features = core.l2Normalize(embeddings, B, D);
    const { logits, routing, parts } = bankLogits(core, compiled, features, B, scoring);
    const probabilities = routedAlone ? routing.probabilities : core.softmax(logits, B, C);
    const perPrompt = explain ? core.softmax(routing.logits, B * N, C) : undefined;
    onTiming?.("route", performance.now() - start);
    return Array.from({ length: B }, (_, b) => {
      const kept = Array.from(routing.kept.subarray(b * routing.K, (b + 1) * routing.K));
      const entropyOf = (n: number) => nth(routing.entropy, b * N + n);
      const predictions = compiled.classes
        .map((name, c) => ({ class: name, probability: nth(probabilities, b * C + c) }))
        .sort((x, y) => y.probability - x.probability);
      const answer = { predictions, kept: kept.map((prompt) => ({ prompt, entropy: entropyOf(prompt) })) };
      if (perPrompt === undefined) return answer;
      const prompts = Array.from({ length: N }, (_, n) => {
        const at = (b * N + n) * C;
        const name = names?.[n];
        const said = { index: n, entropy: entropyOf(n), kept: kept.includes(n), probabilities: Array.from(perPrompt.subarray(at, at + C)) };
        return name === undefined ? said : { ...said, name };
      });
      return routedAlone
        ? { ...answer, prompts }
        : { ...answer, prompts, parts: partsOf(parts, logits.subarray(b * C, (b + 1) * C), b * C) };
    });
  }

  return {
    classes: compiled.classes,
    bank: compiled,
    ...(prevalence === undefined ? {} : { prevalence }),
    bankDigest: digest,
    pixels: input,
    classifyEmbeddings: route,
    logits: (features, B) => bankLogits(core, compiled, features, B, scoring).logits,
    async classify(images, options = {}) {
      const embeddings = new Float32Array(images.length * D);
      // one device batch of pixels in memory at a time, however many images there are
      const most = Math.min(images.length, encoder.capabilities.maxBatch);
      const rgb = new Uint8Array(most * 3 * S * S);
      for (let from = 0; from < images.length; from += most) {
        options.signal?.throwIfAborted();
        const batch = images.slice(from, from + most);
        const start = performance.now();
        for (const [i, image] of batch.entries()) rgb.set(core.resizeCrop(image, S), i * 3 * S * S);
        const ready = performance.now();
        options.onTiming?.("preprocess", ready - start);
        const { data } = await encodeRgb(encoder, rgb.subarray(0, batch.length * 3 * S * S), batch.length, input, options);
        options.onTiming?.("encode", performance.now() - ready);
        embeddings.set(data, from * D);
      }
      return route(embeddings, options);
    },
  };
}

/** @param row scores of one image [C], which stand at `from` in each part's */
function partsOf(parts: readonly AnswerPart[], row: Float32Array, from: number): PartAnswer[] {
  const order = Array.from(row.keys()).sort((a, b) => nth(row, b) - nth(row, a));
  const [first = 0, second = first] = order;
  return parts.map(({ name, weight, logits }) => ({
    name,
    weight,
    margin: weight * (nth(logits, from + first) - nth(logits, from + second)),
  }));
}

// The loss of one step and its gradient on the prompts' text embeddings: routing, seven terms, and back (method.md, "Training").

import {
  type Core,
  cosineBackward,
  cosineForward,
  crossEntropyBackward,
  crossEntropyForward,
  klDivergenceBackward,
  klDivergenceForward,
  l2NormalizeBackward,
  marginalEntropyBackward,
  marginalEntropyForward,
  type Routing,
  scoreBackward,
  selectionBackward,
} from "@biovlm/core";
import type { Recipe } from "./recipe.js";
import type { TeacherSignal } from "./teacher.js";

/** The terms of the objective on one batch, before their weights, in nats but for `cos`. */
export interface LossTerms {
  readonly ce: number;
  readonly ent: number;
  readonly gptent: number;
  readonly gptaugent: number;
  readonly kd: number;
  readonly kdAug: number;
  readonly cos: number;
  /** the weighted sum */
  readonly total: number;
}

/** One batch as the objective sees it: embeddings, labels and the teacher's word. */
export interface ObjectiveInput {
  /** text embeddings as the tower gives them, not normalised [N·C,D], row n·C + c */
  readonly text: Float32Array;
  /** student view embeddings [B,D], L2-normalised */
  readonly images: Float32Array;
  /** [B] in 0..C−1 */
  readonly labels: Int32Array;
  /** g [M,C,D] normalised */
  readonly attributes: Float32Array;
  readonly teacher: TeacherSignal;
  readonly scale: number;
  readonly shape: { readonly B: number; readonly N: number; readonly M: number; readonly C: number; readonly D: number };
}

/** The recipe's part in the objective. */
export type ObjectiveOptions = Pick<Recipe, "rho" | "weights" | "entropyGradient" | "cosineAxis" | "klDivisor">;

/** Loss terms of a batch, and their gradient on the text embeddings. */
export interface ObjectiveResult {
  readonly terms: LossTerms;
  /** ∂total/∂text [N·C,D] */
  readonly dText: Float32Array;
  /** how the student routed the batch */
  readonly routing: Routing;
}

/** Loss terms and the gradient on the raw text embeddings. */
export function objective(core: Core, input: ObjectiveInput, options: ObjectiveOptions): ObjectiveResult {
  const { labels, teacher, scale, shape } = input;
  const { B, N, M, C, D } = shape;
  const w = options.weights;

  const text = core.l2Normalize(input.text, N * C, D);
  const routing = core.route(input.images, text, scale, options.rho, { B, N, C, D });
  const paired = pairedAttributes(input.attributes, N, M, C * D);
  const divisor = options.klDivisor === "B" ? B : B * N * C;

  const ce = crossEntropyForward(routing.mean, labels, B, C);
  const ent = marginalEntropyForward(routing.logits, routing.kept, B, N, C);
  const kd = klDivergenceForward(routing.mean, teacher.mean, divisor, B, C);
  const kdAug = klDivergenceForward(routing.mean, teacher.meanAugmented, divisor, B, C);
  const cos = cosineForward(text, paired, options.cosineAxis, N, C, D);
  const { gptent, gptaugent } = teacher;
  const total =
    w.ce * ce.loss + w.ent * ent.loss + w.gptent * gptent + w.gptaugent * gptaugent + w.kd * kd.loss + w.kdAug * kdAug.loss + w.cos * cos;

  const dMean = new Float64Array(B * C);
  crossEntropyBackward(ce, labels, w.ce, dMean, B, C);
  klDivergenceBackward(kd, divisor, w.kd, dMean);
  klDivergenceBackward(kdAug, divisor, w.kdAug, dMean);
  const dLogits = new Float64Array(B * N * C);
  selectionBackward(dMean, routing.kept, dLogits, B, N, C);
  if (options.entropyGradient) marginalEntropyBackward(ent, routing.kept, w.ent, dLogits, B, N, C);
  const dNormalised = new Float64Array(N * C * D);
  scoreBackward(input.images, dLogits, scale, dNormalised, B, N * C, D);
  cosineBackward(text, paired, options.cosineAxis, w.cos, dNormalised, N, C, D);
  const dText = l2NormalizeBackward(input.text, dNormalised, N * C, D);

  return { terms: { ce: ce.loss, ent: ent.loss, gptent, gptaugent, kd: kd.loss, kdAug: kdAug.loss, cos, total }, dText, routing };
}

/** Prompt n is paired with attribute n mod M: [M, C·D] → [N, C·D], without a copy when N = M. */
function pairedAttributes(attributes: Float32Array, N: number, M: number, row: number): Float32Array {
  if (N === M) return attributes;
  const out = new Float32Array(N * row);
  for (let n = 0; n < N; n++) out.set(attributes.subarray((n % M) * row, (n % M) * row + row), n * row);
  return out;
}

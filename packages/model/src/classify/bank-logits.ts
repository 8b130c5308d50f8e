// Class scores of a compiled bank for image embeddings: the routed prompts and, where the bank has one, its mixture. One place for classify,
// eval, train's own figures and the sweep, so that a figure is always that of the answer.

import type { Core, Routing } from "@biovlm/core";
import { nth } from "@biovlm/files";
import { type BankTensor, type PromptBank, promptCount } from "../banks/bank.js";
import type { UntrainedText } from "../banks/bank-mixture.js";
import { expertScores } from "./expert-scores.js";

/** A part of the answer, its weight in it, and its scores [B,C] before the weight. */
export interface AnswerPart {
  readonly name: "routed prompts" | "untrained sentences" | "cross-entropy prompt" | "image expert" | "prevalence";
  readonly weight: number;
  readonly logits: Float32Array;
}

/** Scores z [B,C] whose softmax is the answer. */
export interface BankLogits {
  readonly logits: Float32Array;
  readonly routing: Routing;
  /** what z is the weighted sum of; the routed prompts alone where the bank has no mixture */
  readonly parts: readonly AnswerPart[];
}

/** How scores are made of a bank. */
export interface BankLogitsOptions {
  /** share of prompts kept; the bank's own unless given */
  readonly rho?: number | undefined;
  /** [C] added to the scores of every image: see prevalence.ts */
  readonly shift?: Float32Array | undefined;
}

/** @param features [B,D] L2-normalised */
export function bankLogits(
  core: Core,
  bank: PromptBank & { readonly text: BankTensor },
  features: Float32Array,
  B: number,
  { rho = bank.rho, shift }: BankLogitsOptions = {},
): BankLogits {
  const [, C, D] = bank.text.shape;
  const scale = Math.exp(bank.logitScale);
  const routing = core.route(features, bank.text.data, scale, rho, { B, N: promptCount(bank), C, D });
  const { mixture } = bank;
  const parts: AnswerPart[] = [{ name: "routed prompts", weight: 1, logits: routing.mean }];
  if (mixture?.text !== undefined) {
    const { a, v, w, untrained, expertW, expertB, temperature = 1 } = mixture;
    const q = untrained?.share ?? 0;
    const one = core.route(features, mixture.text.data, scale, 1, { B, N: 1, C, D }).mean;
    parts.splice(
      0,
      1,
      { name: "routed prompts", weight: (a * (1 - v) * (1 - q)) / temperature, logits: routing.mean },
      ...(untrained === undefined ? [] : [untrainedPart(untrained, (a * (1 - v) * q) / temperature)]),
      { name: "cross-entropy prompt", weight: (a * v) / temperature, logits: one },
      { name: "image expert", weight: w / temperature, logits: expertScores(expertW, expertB, features, B) },
    );
  }
  function untrainedPart({ text: { data, shape } }: UntrainedText, weight: number): AnswerPart {
    return { name: "untrained sentences", weight, logits: core.route(features, data, scale, rho, { B, N: shape[0], C, D }).mean };
  }
  if (shift !== undefined) {
    const logits = new Float32Array(B * C);
    for (let b = 0; b < B; b++) logits.set(shift, b * C);
    parts.push({ name: "prevalence", weight: 1, logits });
  }
  // the routed mean as it is, to the bit, where nothing is added to it
  if (parts.length === 1) return { logits: routing.mean, routing, parts };
  const logits = new Float32Array(B * C);
  for (let i = 0; i < logits.length; i++) logits[i] = parts.reduce((sum, part) => sum + part.weight * nth(part.logits, i), 0);
  return { logits, routing, parts };
}

// The mixture beside the routed prompts: one prompt learned by cross-entropy alone on plain pictures, a Gaussian expert in closed form, how
// much each counts, and how sure their sum may sound. Everything is fitted on the shots; nothing else is looked at. Source: docs/recipe.md, "mixture".

import type { Core } from "@biovlm/core";
import { nth } from "@biovlm/files";
import type { BankMixture } from "@biovlm/model/prompts";
import { fitGaussianExpert } from "./expert/gaussian-expert.js";
import { heldOutExpert, mixtureWeights } from "./expert/mixture-weights.js";
import { shotTemperature } from "./expert/shot-temperature.js";
import type { Recipe } from "./recipe.js";

/** Options of a mixture that decide nothing about how a prompt is learned, and those that its one prompt has not. */
const FITTED: readonly (keyof Recipe)[] = [
  ...(["contextStart", "classContext", "temperature", "temperatureShots", "shrinkage"] as const),
  ...(["promptShots", "sentenceShots", "sentenceLabels"] as const),
];

/** The recipe of the one prompt: CoOp's objective at its own rate. */
export function promptRecipe(recipe: Recipe): Recipe {
  const rest = Object.fromEntries(Object.entries(recipe).filter(([name]) => !FITTED.includes(name as keyof Recipe))) as unknown as Recipe;
  return {
    ...rest,
    prompts: 1,
    rho: 1,
    learningRate: 0.002,
    weights: { ce: 1, ent: 0, gptent: 0, gptaugent: 0, kd: 0, kdAug: 0, cos: 0 },
  };
}

/** What a recipe says of the fit; see {@link Recipe}. */
type FittedOptions = Pick<Recipe, "shrinkage" | "promptShots" | "sentenceShots" | "sentenceLabels" | "temperatureShots">;

/** What a mixture is fitted on. */
export interface MixtureInput extends FittedOptions {
  readonly core: Core;
  /** [n,D] L2-normalised plain embeddings of the shots */
  readonly features: Float32Array;
  /** [n] in 0..C−1 */
  readonly labels: Int32Array;
  /** g [M,C,D] normalised embeddings of the attribute sentences */
  readonly attributes: Float32Array;
  readonly C: number;
  readonly D: number;
  readonly scale: number;
  readonly rho: number;
  readonly seed: number;
  /** whether the attributes are sentences that were given, not templates filled with names */
  readonly described: boolean;
  /** learned context vectors of the one prompt [1,T,W] */
  readonly ctx: Float32Array;
  readonly contextTokens: number;
  /** normalised text embeddings of the learned bank [N,C,D] and of the one prompt [1,C,D]; a temperature is fitted where they are given */
  readonly texts?: { readonly bank: Float32Array; readonly one: Float32Array } | undefined;
}

/** @throws TrainingError as the expert does */
export function fitMixture(input: MixtureInput): BankMixture {
  const { core, features, labels, attributes, C, D, scale, rho, seed, ctx, contextTokens: T, texts, shrinkage, described } = input;
  const { promptShots = 16, sentenceShots, sentenceLabels, temperatureShots: half } = input;
  const n = labels.length;
  const routed = (text: Float32Array, share: number) =>
    core.route(features, text, scale, share, { B: n, N: text.length / (C * D), C, D }).mean;
  // the untrained bank has not seen the labels, so that its scores of the shots need no folding
  const textLogits = routed(attributes, rho);
  const heldOut = heldOutExpert({ features, labels, C, D, seed, shrinkage });
  const { a, w } = mixtureWeights({ features, labels, C, D, textLogits, seed, described, sentenceLabels }, heldOut);
  const expert = fitGaussianExpert({ features, labels, C, D, shrinkage });
  const shots = n / C;
  const v = shots / (shots + promptShots);
  const q = sentenceShots === undefined ? 0 : sentenceShots / (shots + sentenceShots);
  const untrained = { text: { data: attributes, shape: [attributes.length / (C * D), C, D] as const }, share: q };
  const mixture = {
    ...{ ctx: { data: ctx, shape: [1, T, ctx.length / T] as const }, expertW: expert.W, expertB: expert.b },
    ...{ a, w, v },
    ...(sentenceShots === undefined ? {} : { untrained }),
  };
  if (texts === undefined || heldOut === undefined) return mixture;
  const [bank, one] = [routed(texts.bank, rho), routed(texts.one, 1)];
  const scores = bank.map((z, i) => a * ((1 - v) * ((1 - q) * z + q * nth(textLogits, i)) + v * nth(one, i)) + w * nth(heldOut, i));
  return { ...mixture, temperature: shotTemperature({ scores, untrained: textLogits, labels, C, half }) };
}

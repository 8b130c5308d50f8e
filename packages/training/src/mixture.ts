// The mixture beside the routed prompts: one prompt learned by cross-entropy alone on plain pictures, a Gaussian expert in closed form, how
// much each counts, and how sure their sum may sound. Everything is fitted on the shots; nothing else is looked at. Source: docs/recipe.md, "mixture".

import type { Core } from "@biovlm/core";
import { nth } from "@biovlm/files";
import type { BankMixture } from "@biovlm/model/prompts";
import { fitGaussianExpert } from "./expert/gaussian-expert.js";
import { heldOutExpert, mixtureWeights } from "./expert/mixture-weights.js";
import { shotTemperature } from "./expert/shot-temperature.js";
import type { Recipe } from "./recipe.js";

/** The recipe of the one prompt: CoOp's objective at its own rate. */
export function promptRecipe(recipe: Recipe): Recipe {
  const { contextStart: _words, classContext: _own, temperature: _sure, shrinkage: _spread, ...rest } = recipe;
  return {
    ...rest,
    prompts: 1,
    rho: 1,
    learningRate: 0.002,
    weights: { ce: 1, ent: 0, gptent: 0, gptaugent: 0, kd: 0, kdAug: 0, cos: 0 },
  };
}

/** What a mixture is fitted on. */
export interface MixtureInput {
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
  /** κ of the expert, of the recipe */
  readonly shrinkage?: number | undefined;
  /** whether the attributes are sentences that were given, not templates filled with names */
  readonly described: boolean;
  /** learned context vectors of the one prompt [1,T,W] */
  readonly ctx: Float32Array;
  readonly contextTokens: number;
  /** normalised text embeddings of the learned bank [N,C,D] and of the one prompt [1,C,D]; a temperature is fitted where they are given */
  readonly texts?: { readonly bank: Float32Array; readonly one: Float32Array } | undefined;
}

/** Shots a class at which the one prompt counts half of the text part. */
const HALF_SHOTS = 16;

/** @throws TrainingError as the expert does */
export function fitMixture(input: MixtureInput): BankMixture {
  const { core, features, labels, attributes, C, D, scale, rho, seed, ctx, contextTokens: T, texts, shrinkage, described } = input;
  const n = labels.length;
  const routed = (text: Float32Array, share: number) =>
    core.route(features, text, scale, share, { B: n, N: text.length / (C * D), C, D }).mean;
  // the untrained bank has not seen the labels, so that its scores of the shots need no folding
  const textLogits = routed(attributes, rho);
  const heldOut = heldOutExpert({ features, labels, C, D, seed, shrinkage });
  const { a, w } = mixtureWeights({ features, labels, C, D, textLogits, seed, described }, heldOut);
  const expert = fitGaussianExpert({ features, labels, C, D, shrinkage });
  const shots = n / C;
  const mixture = {
    ...{ ctx: { data: ctx, shape: [1, T, ctx.length / T] as const }, expertW: expert.W, expertB: expert.b },
    ...{ a, w, v: shots / (shots + HALF_SHOTS) },
  };
  if (texts === undefined || heldOut === undefined) return mixture;
  const [bank, one] = [routed(texts.bank, rho), routed(texts.one, 1)];
  const scores = bank.map((z, i) => a * ((1 - mixture.v) * z + mixture.v * nth(one, i)) + w * nth(heldOut, i));
  return { ...mixture, temperature: shotTemperature({ scores, untrained: textLogits, labels, C }) };
}

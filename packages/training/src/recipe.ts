// The two recipes as options: every point where the authors' released code and the method's formulas differ is one named option.
// `released` reproduces the public code; `golden` is the method as its formulas mean it, on which the golden files are made.

import type { CosineAxis } from "@biovlm/core";

export interface LossWeights {
  readonly ce: number;
  readonly ent: number;
  readonly gptent: number;
  readonly gptaugent: number;
  readonly kd: number;
  readonly kdAug: number;
  readonly cos: number;
}

export interface Recipe {
  /** N */
  readonly prompts: number;
  /** T */
  readonly contextTokens: number;
  /** share of prompts (and of attributes, and of augmented rows) kept: K = max(1, ⌊ρN⌋) */
  readonly rho: number;
  /** standard deviation of the initial context vectors */
  readonly contextStd: number;
  /** frozen tokens enter as plain word vectors, or as the embedding layer's output fed in again (released code) */
  readonly embedding: "word" | "released";
  /** whether `ent` carries gradient to the context vectors */
  readonly entropyGradient: boolean;
  readonly cosineAxis: CosineAxis;
  /** divisor of kd and kd_aug */
  readonly klDivisor: "B" | "BNC";
  /** mean and std of the image normalisation: the model's own, or ImageNet's as in the released code */
  readonly normalisation: "model" | "imagenet";
  /** strong and weak views are made from the image in [0,1], or from its already normalised tensor */
  readonly viewsFrom: "image" | "normalised";
  /** horizontal flips: always, or not where left and right are part of the label */
  readonly flips: "always" | "label-safe";
  readonly weights: LossWeights;
  readonly optimiser: "sgd" | "adamw";
  readonly learningRate: number;
  readonly warmupEpochs: number;
  readonly warmupRate: number;
  readonly momentum: number;
  readonly weightDecay: number;
  readonly epochs: number;
  readonly batch: number;
}

const shared = {
  prompts: 10,
  contextTokens: 4,
  rho: 0.5,
  contextStd: 0.02,
  weights: { ce: 1, ent: 0.5, gptent: 0.5, gptaugent: 0.5, kd: 1, kdAug: 1, cos: 0.5 },
  optimiser: "sgd",
  learningRate: 0.002,
  warmupEpochs: 1,
  warmupRate: 1e-5,
  momentum: 0.9,
  weightDecay: 5e-4,
  epochs: 50,
  batch: 32,
} as const;

/** The public code in meaning, its one missing line restored. */
const released: Recipe = {
  ...shared,
  embedding: "released",
  entropyGradient: false,
  cosineAxis: "class",
  klDivisor: "BNC",
  normalisation: "imagenet",
  viewsFrom: "normalised",
  flips: "always",
};

/** The method as its formulas mean it: the options the `biovlm` goldens were made with. */
const golden: Recipe = {
  ...shared,
  embedding: "word",
  entropyGradient: true,
  cosineAxis: "embedding",
  klDivisor: "B",
  normalisation: "model",
  viewsFrom: "image",
  flips: "label-safe",
};

export const RECIPES: Readonly<Record<"released" | "biovlm-golden" | "biovlm", Recipe>> = {
  released,
  "biovlm-golden": golden,
  biovlm: golden,
};

export type RecipeName = keyof typeof RECIPES;

// The two recipes as options: every point where the authors' released code and the method's formulas differ is one named option.
// `released` reproduces the public code; `biovlm-golden` is the method as its formulas mean it, on which the
// golden files are made; `biovlm` is that with what validation splits settled.

import type { CosineAxis } from "@biovlm/core";
import { TrainingError } from "./errors.js";

/** Weight of each term of the objective. */
export interface LossWeights {
  readonly ce: number;
  readonly ent: number;
  readonly gptent: number;
  readonly gptaugent: number;
  readonly kd: number;
  readonly kdAug: number;
  readonly cos: number;
}

/** Everything that decides a bank beside data, model and seed. Symbols are those of the method's description. */
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
  /** the answer holds a cross-entropy prompt and an image-side expert beside the routed prompts; absent is false */
  readonly mixture?: boolean;
  /** of a mixture: its scores are divided by one number that the shots say, or are as they come; absent is "none" */
  readonly temperature?: "none" | "shots";
  /** of a mixture: κ, how much of its trace shrinks the expert's covariance; absent is 1, as that expert was published */
  readonly shrinkage?: number;
  /** of a mixture: shots a class at which the one prompt counts half of the text part; absent is 16 */
  readonly promptShots?: number;
  /** of a mixture: shots a class at which the learned bank counts as much as the untrained sentences beside it; absent leaves these out */
  readonly sentenceShots?: number;
  /** of a mixture: for how many labels a class the untrained sentences' own answers count where the shots choose the weights; absent is none */
  readonly sentenceLabels?: number;
  /** of a mixture: shots in all at which their own accuracy says as much of the temperature as the untrained sentences; absent is 32 */
  readonly temperatureShots?: number;
  /** context vectors start as random numbers, or as words of the attribute sentences with a tenth of that noise; absent is "random" */
  readonly contextStart?: "random" | "attributes";
  /** each class has context vectors of its own, [N,C,T,W]; absent is false. For comparison: a bank's file holds contexts for any class */
  readonly classContext?: boolean;
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

/** The method as its formulas mean it: the options the method's goldens were made with. */
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

/** The method with learning rate and ρ settled on validation splits (docs/recipe.md). */
const chosen: Recipe = { ...golden, learningRate: 0.02, rho: 0.3 };

/** How a mixture leans on the untrained sentences where shots are few: settled on the rest of the training splits (docs/recipe.md). */
const DRAWN = { promptShots: 12, sentenceShots: 8, sentenceLabels: 4, temperatureShots: 64 } as const;

/** `biovlm` on plain views, with what the shots themselves say on the image side (docs/recipe.md, "mixture"). */
const mixture: Recipe = { ...chosen, mixture: true, temperature: "shots", shrinkage: 0.03, ...DRAWN };

/**
 * Recipes by name: `released` as the authors' code runs, `biovlm-golden` as the goldens were made, `biovlm` as settled on validation, `mixture`
 * that with a cross-entropy prompt and a Gaussian expert beside it.
 */
export const RECIPES: Readonly<Record<"released" | "biovlm-golden" | "biovlm" | "mixture", Recipe>> = {
  released,
  "biovlm-golden": golden,
  biovlm: chosen,
  mixture,
};

/** Name of a recipe of {@link RECIPES}. */
export type RecipeName = keyof typeof RECIPES;

/** What users get where they name no recipe: settled on validation splits (docs/recipe.md). */
export const DEFAULT_RECIPE: RecipeName = "mixture";

type Kind = "count" | "fraction" | "positive" | "amount" | boolean | readonly string[];

type OptionalName = Exclude<{ [Name in keyof Recipe]-?: undefined extends Recipe[Name] ? Name : never }[keyof Recipe], undefined>;

/** Options that a recipe may leave out; one that does keeps the bytes that its banks had before the option was there. */
const OPTIONAL: Readonly<Record<OptionalName, Kind>> = {
  mixture: true,
  temperature: ["none", "shots"],
  shrinkage: "positive",
  promptShots: "positive",
  sentenceShots: "amount",
  sentenceLabels: "amount",
  temperatureShots: "positive",
  contextStart: ["random", "attributes"],
  classContext: true,
};

/** What each option may be: the one table behind checks, `--set` and its help. */
const OPTIONS: Readonly<Record<Exclude<keyof Recipe, "weights" | OptionalName>, Kind>> = {
  prompts: "count",
  contextTokens: "count",
  rho: "fraction",
  contextStd: "amount",
  embedding: ["word", "released"],
  entropyGradient: true,
  cosineAxis: ["embedding", "class"],
  klDivisor: ["B", "BNC"],
  normalisation: ["model", "imagenet"],
  viewsFrom: ["image", "normalised"],
  flips: ["always", "label-safe"],
  optimiser: ["sgd", "adamw"],
  learningRate: "positive",
  warmupEpochs: "amount",
  warmupRate: "amount",
  momentum: "amount",
  weightDecay: "amount",
  epochs: "count",
  batch: "count",
};
const ALL = { ...OPTIONS, ...OPTIONAL };
const WEIGHTS = ["ce", "ent", "gptent", "gptaugent", "kd", "kdAug", "cos"] as const;
const LARGEST_COUNT = 4096;

/** Names of all options as `--set` takes them; loss weights are `weights.ce`, … */
export const RECIPE_OPTIONS: readonly string[] = [...Object.keys(OPTIONS), ...Object.keys(OPTIONAL), ...WEIGHTS.map((w) => `weights.${w}`)];

/** A recipe with options changed by name: `recipeWith(RECIPES.biovlm, { klDivisor: "BNC", "weights.cos": "0" })`. Throws `bad_option`. */
export function recipeWith(base: Recipe, settings: Readonly<Record<string, string>>): Recipe {
  const changed: Record<string, unknown> = {};
  const weights: Record<string, number> = { ...base.weights };
  for (const [name, value] of Object.entries(settings)) {
    const weight = WEIGHTS.find((w) => name === `weights.${w}`);
    if (weight !== undefined) weights[weight] = numberOf(name, value);
    else if (Object.hasOwn(ALL, name)) changed[name] = parsedOption(name, ALL[name as keyof typeof ALL], value);
    else throw bad(name, `one of ${RECIPE_OPTIONS.join(", ")}`, "an unknown name");
  }
  return checkRecipe({ ...base, ...changed, weights: weights as unknown as LossWeights });
}

/** Checks every option, and the context against the model's text length when given. Throws TrainingError `bad_option`. */
export function checkRecipe(recipe: Recipe, spec?: { readonly text: { readonly contextLength: number } }): Recipe {
  for (const [name, kind] of Object.entries(ALL)) {
    const value = recipe[name as keyof typeof ALL];
    const expected = value === undefined && Object.hasOwn(OPTIONAL, name) ? undefined : refusal(kind, value);
    if (expected !== undefined) throw bad(name, expected, String(value));
  }
  for (const w of WEIGHTS) {
    const value = recipe.weights[w];
    if (!Number.isFinite(value) || value < 0) throw bad(`weights.${w}`, "a number ≥ 0", String(value));
  }
  if (spec !== undefined && recipe.contextTokens > spec.text.contextLength - 3) {
    throw bad("contextTokens", `at most ${spec.text.contextLength - 3} for this model`, String(recipe.contextTokens));
  }
  return recipe;
}

function refusal(kind: Kind, value: unknown): string | undefined {
  if (typeof kind === "boolean") return typeof value === "boolean" ? undefined : "true or false";
  if (typeof kind !== "string") return kind.includes(value as string) ? undefined : `one of ${kind.join(", ")}`;
  const x = value as number;
  const number = typeof value === "number" && Number.isFinite(value);
  if (kind === "count")
    return number && Number.isInteger(x) && x >= 1 && x <= LARGEST_COUNT ? undefined : `a whole number from 1 to ${LARGEST_COUNT}`;
  if (kind === "fraction") return number && x > 0 && x <= 1 ? undefined : "a number in (0, 1]";
  if (kind === "positive") return number && x > 0 ? undefined : "a number above 0";
  return number && x >= 0 ? undefined : "a number ≥ 0";
}

function parsedOption(name: string, kind: Kind, value: string): unknown {
  if (typeof kind === "boolean") return value === "true" ? true : value === "false" ? false : value;
  return typeof kind === "string" ? numberOf(name, value) : value;
}

function numberOf(name: string, value: string): number {
  if (!/^\d+(\.\d+)?(e[+-]?\d+)?$/i.test(value)) throw bad(name, "a number", JSON.stringify(value));
  return Number(value);
}

function bad(name: string, expected: string, got: string): TrainingError {
  return new TrainingError("bad_option", `recipe option ${name} — expected ${expected}, got ${got}. Correct it.`);
}

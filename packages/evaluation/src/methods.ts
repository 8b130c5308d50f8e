// The methods of the harness in one table: same features, same splits, one `fit` each. Prompt methods differ only in their recipe.

import type { Core } from "@biovlm/core";
import { nth } from "@biovlm/files";
import { UNTRAINED_RHO } from "@biovlm/model/prompts";
import { RECIPES, type Recipe } from "@biovlm/training";
import { expertLogits, fitGaussianExpert, fitMixture, promptRecipe } from "@biovlm/training/loop";
import { clap } from "./baselines/clap.js";
import { gaussianBesideText } from "./baselines/gaussian-beside-text.js";
import { linearProbe } from "./baselines/linear-probe.js";
import { lpPlusPlus } from "./baselines/lp-plus-plus.js";
import { tipAdapter, tipAdapterF } from "./baselines/tip-adapter.js";
import type { ClassSet, ClassTexts } from "./class-set.js";
import { EvaluationError } from "./errors.js";
import type { FeatureSet, FittedClassifier } from "./feature-set.js";

/** What a method is given. */
export interface MethodInput {
  readonly core: Core;
  readonly D: number;
  readonly scale: number;
  readonly seed: number;
  /** normalised as the method's recipe says */
  readonly train: FeatureSet;
  readonly validation: FeatureSet;
  /** the classes learned */
  readonly on: ClassSet;
  /**
   * Runs the training loop with a recipe: ctx [N,T,W]. `plain` learns from the pictures themselves, whatever the run's views; `rows` are the
   * images of `train` to learn from, all unless given, plain views alone.
   */
  learn(recipe: Recipe, teacher: Teacher, views?: "plain", rows?: readonly number[]): Promise<Float32Array>;
}

/** The sentences that take the attributes' place in the losses: attributes, templates, or the one hand-written sentence. */
export type Teacher = keyof ClassTexts;

/** A fitted method, ready for the classes it was fitted on, and for others where it is open-set. */
export interface FittedMethod {
  /** @param elsewhere true where the classes are another data set's */
  on(classes: ClassSet, elsewhere?: boolean): FittedClassifier | Promise<FittedClassifier>;
}

/** A way to classify from few shots: fitted on a task's learning side, then asked for logits. */
export interface Method {
  readonly name: string;
  /** one line for tables and --help */
  readonly summary: string;
  /** whether it can name classes it was not fitted on (base-to-new, cross-dataset) */
  readonly openSet: boolean;
  readonly trained: boolean;
  /** present for learned banks */
  readonly recipe?: Recipe;
  /** share of prompts kept, for banks that are not learned */
  readonly rho?: number;
  fit(input: MethodInput): FittedMethod | Promise<FittedMethod>;
}

/** Recipes of the prompt methods that are special cases of the bank. */
const coop: Recipe = {
  ...RECIPES["biovlm-golden"],
  prompts: 1,
  weights: { ce: 1, ent: 0, gptent: 0, gptaugent: 0, kd: 0, kdAug: 0, cos: 0 },
};
/** KgCoOp's regulariser: 8 × (1 − cosine to the hand-written prompt). */
const kgcoop: Recipe = { ...coop, weights: { ...coop.weights, cos: 8 } };

/** The methods that a sweep may name, in the order of its tables. */
export const METHODS: readonly Method[] = [
  textMethod("zero-shot", "one hand-written sentence per class", 1, ({ texts }) => texts.single),
  textMethod("template-ensemble", "mean embedding of the template sentences", 1, ({ texts, C }, core, D) =>
    meanText(core, texts.templates, C, D),
  ),
  textMethod("attribute-ensemble", "mean embedding of the attribute sentences", 1, ({ texts, C }, core, D) =>
    meanText(core, texts.attributes, C, D),
  ),
  textMethod(
    "attribute-bank",
    "attribute sentences as a bank with entropy selection, no training",
    UNTRAINED_RHO,
    ({ texts }) => texts.attributes,
  ),
  featureMethod("linear-probe", "logistic regression on image embeddings", ({ train, validation, on, D }) =>
    linearProbe(train, validation, on.C, D),
  ),
  featureMethod("tip-adapter", "cache of the shots beside the template ensemble", ({ core, train, validation, on, D, scale }) =>
    tipAdapter(train, validation, meanText(core, on.texts.templates, on.C, D), { C: on.C, D, scale }),
  ),
  featureMethod("tip-adapter-f", "Tip-Adapter with its keys trained", ({ core, train, validation, on, D, scale, seed }) =>
    tipAdapterF(train, validation, meanText(core, on.texts.templates, on.C, D), { C: on.C, D, scale, seed }),
  ),
  featureMethod("clap", "a linear probe that starts at the text and is held there class by class", ({ core, train, on, D, scale, seed }) =>
    clap(train, meanText(core, on.texts.templates, on.C, D), { C: on.C, D, scale, seed }),
  ),
  featureMethod(
    "lp++",
    "a linear probe beside the text, with a learned weight of the text for each class",
    ({ core, train, validation, on, D }) => lpPlusPlus(train, validation, meanText(core, on.texts.templates, on.C, D), { C: on.C, D }),
  ),
  featureMethod(
    "gaussian-beside-text",
    "the Gaussian expert beside the template ensemble, its weight by validation: training-free",
    ({ core, train, validation, on, D, scale }) =>
      gaussianBesideText(train, validation, meanText(core, on.texts.templates, on.C, D), { C: on.C, D, scale }),
  ),
  promptMethod("coop", "one learned prompt, cross-entropy only", coop, "single"),
  promptMethod("coop-plain", "CoOp on the pictures themselves", coop, "single", "plain"),
  promptMethod("kgcoop", "one learned prompt held near the hand-written one", kgcoop, "single"),
  promptMethod("kgcoop-plain", "KgCoOp on the pictures themselves", kgcoop, "single", "plain"),
  promptMethod(
    "bank-no-selection",
    "the default recipe without entropy selection (every prompt kept)",
    { ...RECIPES.biovlm, rho: 1 },
    "attributes",
  ),
  promptMethod("released", "the authors' released code in meaning", RECIPES.released, "attributes"),
  promptMethod("biovlm", "the method as settled on validation", RECIPES.biovlm, "attributes"),
  promptMethod("biovlm-plain", "biovlm on the pictures themselves", RECIPES.biovlm, "attributes", "plain"),
  featureMethod(
    "gaussian-expert",
    "one Gaussian a class in closed form, on image embeddings",
    ({ train: { features, labels, n }, on, D }) => {
      const { shrinkage } = RECIPES.mixture;
      const expert = fitGaussianExpert({ features: features.subarray(0, n * D), labels, C: on.C, D, shrinkage });
      return { logits: (rows, count) => expertLogits(expert, rows, count) };
    },
  ),
  mixtureMethod("mixture", "biovlm on plain pictures, a cross-entropy prompt and a Gaussian expert beside it", RECIPES.mixture),
];

/** A method by name; undefined where there is none. */
export function methodNamed(name: string): Method | undefined {
  return METHODS.find((m) => m.name === name);
}

/** The recipe `mixture`: routed prompts on plain pictures, one cross-entropy prompt, the Gaussian expert; open-set by the prompts alone. */
function mixtureMethod(name: string, summary: string, recipe: Recipe): Method {
  return {
    name,
    summary,
    openSet: true,
    trained: true,
    recipe,
    async fit({ core, D, scale, seed, train: { features, labels }, on: own, learn }) {
      const ctx = await learn(recipe, "attributes", "plain");
      const one = await learn(promptRecipe(recipe), "attributes", "plain");
      const { rho, prompts: N } = recipe;
      const { C } = own;
      const texts = { bank: await own.promptTexts(ctx, recipe), one: await own.promptTexts(one, promptRecipe(recipe)) };
      const { attributes } = own.texts;
      const fitted = fitMixture({
        ...{ ...recipe, core, features, labels, attributes, C, D, scale, seed, ctx: one },
        described: own.described,
        texts: recipe.temperature === "shots" ? texts : undefined,
      });
      const { a, w, v, untrained: sentences, expertW, expertB, temperature = 1 } = fitted;
      const q = sentences?.share ?? 0;
      const expert: FittedClassifier = { logits: (rows, n) => expertLogits({ W: expertW, b: expertB, C, D }, rows, n) };
      return {
        async on(set, elsewhere = false) {
          const untrained = routed(core, set.texts.attributes, set.texts.attributes.length / (set.C * D), set.C, D, scale, rho);
          if (elsewhere) return untrained;
          if (set !== own)
            return weighted([untrained, 0.5], [routed(core, await set.promptTexts(ctx, recipe), N, set.C, D, scale, rho), 0.5]);
          const bank = routed(core, texts.bank, N, C, D, scale, rho);
          const prompt = routed(core, texts.one, 1, C, D, scale, 1);
          return weighted(
            [bank, (a * (1 - v) * (1 - q)) / temperature],
            ...(sentences === undefined ? [] : [[untrained, (a * (1 - v) * q) / temperature] as const]),
            [prompt, (a * v) / temperature],
            [expert, w / temperature],
          );
        },
      };
    },
  };
}

/** The weighted sum of scores. */
function weighted(...parts: readonly (readonly [FittedClassifier, number])[]): FittedClassifier {
  return {
    logits(features, n) {
      const scores = parts.map(([part]) => part.logits(features, n));
      const out = new Float32Array(nth(scores, 0).length);
      for (const [p, score] of scores.entries())
        for (let i = 0; i < out.length; i++) out[i] = nth(out, i) + nth(parts, p)[1] * nth(score, i);
      return out;
    },
  };
}

/** What a recipe learns, from the attribute sentences: a bank, with its mixture where the recipe has one. */
export function recipeMethod(name: string, summary: string, recipe: Recipe): Method {
  return recipe.mixture === true ? mixtureMethod(name, summary, recipe) : promptMethod(name, summary, recipe, "attributes");
}

/** A bank learned with a recipe. */
export function promptMethod(name: string, summary: string, recipe: Recipe, teacher: Teacher, views?: "plain"): Method {
  return {
    name,
    summary,
    openSet: true,
    trained: true,
    recipe,
    async fit({ core, D, scale, learn }) {
      const ctx = await learn(recipe, teacher, views);
      return { on: async (set) => routed(core, await set.promptTexts(ctx, recipe), recipe.prompts, set.C, D, scale, recipe.rho) };
    },
  };
}

/** Sentences only: text [N,C,D] of any classes, nothing fitted. */
function textMethod(name: string, summary: string, rho: number, text: (set: ClassSet, core: Core, D: number) => Float32Array): Method {
  return {
    name,
    summary,
    openSet: true,
    trained: false,
    rho,
    fit: ({ core, D, scale }) => ({
      on(set) {
        const rows = text(set, core, D);
        return routed(core, rows, rows.length / (set.C * D), set.C, D, scale, rho);
      },
    }),
  };
}

/** Fitted to the classes of its training images, and to no others. */
function featureMethod(name: string, summary: string, fit: (input: MethodInput) => FittedClassifier): Method {
  return {
    name,
    summary,
    openSet: false,
    trained: true,
    fit(input) {
      const fitted = fit(input);
      return {
        on(set) {
          if (set !== input.on) {
            throw new EvaluationError(
              "bad_option",
              `method ${name} — expected the classes it was fitted on, got others. Choose a method that names unseen classes.`,
            );
          }
          return fitted;
        },
      };
    },
  };
}

/** Classifies by routing: text [N,C,D] normalised. Rows are scored in blocks, so that memory stays flat. */
export function routed(core: Core, text: Float32Array, N: number, C: number, D: number, scale: number, rho: number): FittedClassifier {
  return {
    logits(features, n) {
      const out = new Float32Array(n * C);
      for (let from = 0; from < n; from += 1024) {
        const B = Math.min(1024, n - from);
        const { mean } = core.route(features.subarray(from * D, (from + B) * D), text, scale, rho, { B, N, C, D });
        out.set(mean, from * C);
      }
      return out;
    },
  };
}

/** Mean over sentences, normalised again: [P,C,D] → [C,D]. */
function meanText(core: Core, text: Float32Array, C: number, D: number): Float32Array {
  const mean = new Float32Array(C * D);
  const P = text.length / (C * D);
  for (let p = 0; p < P; p++) for (let i = 0; i < C * D; i++) mean[i] = nth(mean, i) + nth(text, p * C * D + i) / P;
  return core.l2Normalize(mean, C, D);
}

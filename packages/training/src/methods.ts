// The methods of the harness in one table: same features, same splits, one `fit` each. Prompt methods differ only in their recipe.

import type { Core } from "@biovlm/core";
import { linearProbe } from "./baselines/linear-probe.js";
import { tipAdapter, tipAdapterF } from "./baselines/tip-adapter.js";
import type { FeatureSet, FittedClassifier } from "./feature-set.js";
import { RECIPES, type Recipe } from "./recipe.js";

/** Text embeddings of the class names that methods without training need, L2-normalised. */
export interface ClassTexts {
  /** [C,D] "a photo of …"-like single sentence */
  readonly single: Float32Array;
  /** [P,C,D] template sentences */
  readonly templates: Float32Array;
  /** [M,C,D] attribute sentences */
  readonly attributes: Float32Array;
}

/** What a method is given. `learn` runs the training loop with a recipe and gives the bank's text embeddings [N,C,D] for `texts`' classes. */
export interface MethodInput {
  readonly core: Core;
  readonly C: number;
  readonly D: number;
  readonly scale: number;
  readonly seed: number;
  readonly train: FeatureSet;
  readonly validation: FeatureSet;
  readonly texts: ClassTexts;
  learn(recipe: Recipe, teacher: "attributes" | "templates" | "single"): Promise<Float32Array>;
}

export interface Method {
  readonly name: string;
  /** one line for tables and --help */
  readonly summary: string;
  /** whether it can name classes it was not fitted on (base-to-new, cross-dataset) */
  readonly openSet: boolean;
  readonly trained: boolean;
  fit(input: MethodInput): FittedClassifier | Promise<FittedClassifier>;
}

/** Recipes of the prompt methods that are special cases of the bank. */
const coop: Recipe = { ...RECIPES["biovlm-golden"], prompts: 1, weights: { ce: 1, ent: 0, gptent: 0, gptaugent: 0, kd: 0, kdAug: 0, cos: 0 } };
/** KgCoOp's regulariser: 8 × (1 − cosine to the hand-written prompt). */
const kgcoop: Recipe = { ...coop, weights: { ...coop.weights, cos: 8 } };

export const METHODS: readonly Method[] = [
  {
    name: "zero-shot",
    summary: "one hand-written sentence per class",
    openSet: true,
    trained: false,
    fit: ({ core, texts, C, D, scale }) => routed(core, texts.single, 1, C, D, scale, 1),
  },
  {
    name: "template-ensemble",
    summary: "mean embedding of the template sentences",
    openSet: true,
    trained: false,
    fit: ({ core, texts, C, D, scale }) => routed(core, meanText(core, texts.templates, C, D), 1, C, D, scale, 1),
  },
  {
    name: "attribute-ensemble",
    summary: "mean embedding of the attribute sentences",
    openSet: true,
    trained: false,
    fit: ({ core, texts, C, D, scale }) => routed(core, meanText(core, texts.attributes, C, D), 1, C, D, scale, 1),
  },
  {
    name: "attribute-bank",
    summary: "attribute sentences as a bank with entropy selection, no training",
    openSet: true,
    trained: false,
    fit: ({ core, texts, C, D, scale }) => routed(core, texts.attributes, texts.attributes.length / (C * D), C, D, scale, 0.5),
  },
  {
    name: "linear-probe",
    summary: "logistic regression on image embeddings",
    openSet: false,
    trained: true,
    fit: ({ train, validation, C, D }) => linearProbe(train, validation, C, D),
  },
  {
    name: "tip-adapter",
    summary: "cache of the shots beside the template ensemble",
    openSet: false,
    trained: true,
    fit: ({ core, train, validation, texts, C, D, scale }) => tipAdapter(train, validation, meanText(core, texts.templates, C, D), { C, D, scale }),
  },
  {
    name: "tip-adapter-f",
    summary: "Tip-Adapter with its keys trained",
    openSet: false,
    trained: true,
    fit: ({ core, train, validation, texts, C, D, scale, seed }) => tipAdapterF(train, validation, meanText(core, texts.templates, C, D), { C, D, scale, seed }),
  },
  promptMethod("coop", "one learned prompt, cross-entropy only", coop, "single"),
  promptMethod("kgcoop", "one learned prompt held near the hand-written one", kgcoop, "single"),
  promptMethod("bank-no-selection", "the default recipe without entropy selection (every prompt kept)", { ...RECIPES.biovlm, rho: 1 }, "attributes"),
  promptMethod("released", "the authors' released code in meaning", RECIPES.released, "attributes"),
  promptMethod("biovlm", "the default recipe", RECIPES.biovlm, "attributes"),
];

/** A method by name; undefined where there is none. */
export function methodNamed(name: string): Method | undefined {
  return METHODS.find((m) => m.name === name);
}

/** A bank learned with a recipe. */
export function promptMethod(name: string, summary: string, recipe: Recipe, teacher: "attributes" | "templates" | "single"): Method {
  return {
    name,
    summary,
    openSet: true,
    trained: true,
    async fit(input) {
      const text = await input.learn(recipe, teacher);
      return routed(input.core, text, recipe.prompts, input.C, input.D, input.scale, recipe.rho);
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
  for (let p = 0; p < P; p++) for (let i = 0; i < C * D; i++) mean[i]! += text[p * C * D + i]! / P;
  return core.l2Normalize(mean, C, D);
}

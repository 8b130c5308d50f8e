// Banks without training, so that routing works before any: each prompt is a sentence template over all classes, or the m-th attribute sentence
// of every class.

import type { Core } from "@biovlm/core";
import { nth } from "@biovlm/files";
import type { Encoder, RunOptions } from "../contract/encoder.js";
import { ModelError } from "../contract/errors.js";
import type { ModelSpec } from "../contract/model-spec.js";
import { checkToldApart } from "./alike-tokens.js";
import type { PromptBank } from "./bank.js";
import { checkClasses, encodeSentences, type PromptTokenizer } from "./prompts.js";

/** Phrasings of captions in biomedical papers and data sets; `{}` is the class name. */
export const DEFAULT_TEMPLATES: readonly string[] = [
  "a photo of {}.",
  "a medical image of {}.",
  "this is an image of {}.",
  "an image showing {}.",
  "{} presented in image.",
  "a scan showing {}.",
  "a clinical image with findings of {}.",
  "figure showing {}.",
  "representative image of {}.",
  "an example of {}.",
  "imaging appearance of {}.",
  "features consistent with {}.",
];

/**
 * ρ of every bank without training, wherever one is made: share of prompts kept for an image. Settled on validation splits together with the
 * recipe's (docs/recipe.md).
 */
export const UNTRAINED_RHO = 0.3;

/** What a zero-shot bank is made with. */
export interface ZeroShotContext {
  readonly core: Core;
  readonly encoder: Encoder;
  readonly model: { readonly spec: ModelSpec; readonly digest: string; readonly tokenizer: PromptTokenizer };
}

interface ZeroShotOptions extends RunOptions {
  /** ρ, {@link UNTRAINED_RHO} unless said */
  readonly rho?: number;
}

/**
 * One prompt for each template: text [N,C,D].
 * @throws ModelError `bad_argument` for a template without exactly one `{}`; `bad_classes`.
 * @example const bank = await templateBank({ core, encoder, model }, ["benign", "malignant", "normal"])
 */
export async function templateBank(
  context: ZeroShotContext,
  classes: readonly string[],
  { templates = DEFAULT_TEMPLATES, ...options }: ZeroShotOptions & { readonly templates?: readonly string[] } = {},
): Promise<PromptBank> {
  checkClasses(classes);
  if (templates.length === 0) throw new ModelError("bad_argument", "templates — expected at least one, got none. Pass some.");
  for (const t of templates) {
    if (t.split("{}").length !== 2)
      throw new ModelError(
        "bad_argument",
        `template "${t}" — expected one {} for the class name, got ${t.split("{}").length - 1}. Correct it.`,
      );
  }
  const names = classes.map((c) => c.replaceAll("_", " "));
  const sentences = templates.map((t) => names.map((name) => t.replace("{}", () => name)));
  return sentenceBank(context, "templates", classes, sentences, [...templates], options);
}

/**
 * Prompt m is the m-th attribute sentence of all classes at once: text [M,C,D]. Classes alike in every prompt are refused.
 * @param attributes M sentences for each class, in the order of `classes`
 * @throws ModelError `bad_argument` when the classes have unlike numbers of sentences; `bad_classes`.
 */
export async function attributeBank(
  context: ZeroShotContext,
  classes: readonly string[],
  attributes: readonly (readonly string[])[],
  options: ZeroShotOptions = {},
): Promise<PromptBank> {
  checkClasses(classes);
  const M = attributes[0]?.length ?? 0;
  if (attributes.length !== classes.length || M === 0 || attributes.some((a) => a.length !== M)) {
    throw new ModelError(
      "bad_argument",
      `attributes — expected one list for each of ${classes.length} classes, all of one length ≥ 1, got lengths [${attributes.map((a) => a.length).join(", ")}]. Correct the file.`,
    );
  }
  const sentences = Array.from({ length: M }, (_, m) => attributes.map((a) => nth(a, m)));
  const names = sentences.map((_, m) => `attribute ${m + 1}`);
  return sentenceBank(context, "attributes", classes, sentences, names, options);
}

async function sentenceBank(
  { core, encoder, model }: ZeroShotContext,
  recipe: string,
  classes: readonly string[],
  sentences: readonly (readonly string[])[],
  prompts: readonly string[],
  { rho = UNTRAINED_RHO, ...run }: ZeroShotOptions,
): Promise<PromptBank> {
  checkSentences(model, classes, sentences);
  const { data } = await encodeSentences({ core, encoder, tokenizer: model.tokenizer }, sentences.flat(), run);
  return {
    modelDigest: model.digest,
    recipe,
    options: { prompts },
    rho,
    promptSuffix: "",
    classes: [...classes],
    logitScale: model.spec.logitScale,
    createdBy: "biovlm",
    text: { data, shape: [sentences.length, classes.length, model.spec.embedDim] },
  };
}

/**
 * Passes where the sentences of no two classes become the same tokens in every prompt.
 * @param sentences [N][C] sentence of each prompt and class @throws ModelError `bad_classes` naming both classes and why they are alike
 */
export function checkSentences(
  model: { readonly spec: ModelSpec; readonly tokenizer: PromptTokenizer },
  classes: readonly string[],
  sentences: readonly (readonly string[])[],
): void {
  const { contextLength } = model.spec.text;
  checkToldApart(
    classes,
    classes.map((_, c) => {
      const texts = sentences.map((prompt) => nth(prompt, c));
      const rows = texts.map((text) => model.tokenizer.encode(text));
      return { texts, rows, cut: rows.some((row) => row.length >= contextLength) };
    }),
  );
}

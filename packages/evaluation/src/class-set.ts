// A list of classes as text: the sentences that methods without training use, and a learned context filled with these names.

import { nth } from "@biovlm/files";
import { DEFAULT_TEMPLATES } from "@biovlm/model";
import { checkSentences, classTokens, encodeSentences, promptFrame } from "@biovlm/model/prompts";
import type { LearnContext, Recipe } from "@biovlm/training";
import { attributeFeatures, PROMPT_SUFFIX, teacherSentences } from "@biovlm/training/loop";

/** Text embeddings of the class names that methods without training need, L2-normalised. */
export interface ClassTexts {
  /** [C,D], the first template */
  readonly single: Float32Array;
  /** [P,C,D] template sentences */
  readonly templates: Float32Array;
  /** [M,C,D] attribute sentences, or template sentences where there are none */
  readonly attributes: Float32Array;
}

/** Class names with their text embeddings, and the text tower for prompts on them. */
export interface ClassSet {
  readonly classes: readonly string[];
  readonly C: number;
  readonly texts: ClassTexts;
  /** whether the classes have sentences, or templates with their names in their place */
  readonly described: boolean;
  /** [C][M] what `texts.attributes` embeds */
  readonly sentences: readonly (readonly string[])[];
  /** ctx [N,T,W] → normalised text embeddings [N,C,D] of these classes */
  promptTexts(ctx: Float32Array, recipe: Recipe): Promise<Float32Array>;
}

/**
 * @param sentences for each class M attribute sentences
 * @throws ModelError `bad_classes` for classes that the text tower cannot tell apart, by their names or by their sentences: every method would
 * answer them evenly
 */
export async function classSet(
  context: LearnContext,
  classes: readonly string[],
  sentences: readonly (readonly string[])[] | undefined,
  signal?: AbortSignal,
): Promise<ClassSet> {
  const { core, encoder, model } = context;
  const C = classes.length;
  const D = model.spec.embedDim;
  const taught = teacherSentences(classes, sentences);
  const filled = DEFAULT_TEMPLATES.map((t) => classes.map((name) => t.replace("{}", () => name.replaceAll("_", " "))));
  checkSentences(model, classes, filled.slice(0, 1));
  checkSentences(
    model,
    classes,
    nth(taught, 0).map((_, m) => taught.map((own) => nth(own, m))),
  );
  const templates = (await encodeSentences({ core, encoder, tokenizer: model.tokenizer }, filled.flat(), { signal })).data;
  const attributes = await attributeFeatures(context, taught, signal);
  return {
    classes,
    C,
    described: sentences !== undefined,
    sentences: taught,
    texts: { single: templates.slice(0, C * D), templates, attributes },
    async promptTexts(ctx, recipe) {
      const frame = promptFrame(
        model,
        classTokens(model, classes, recipe.contextTokens, PROMPT_SUFFIX),
        recipe.contextTokens,
        recipe.embedding,
        recipe.classContext,
      );
      const { out } = await encoder.encodePrompts(frame.rows(ctx, recipe.prompts), { signal });
      return core.l2Normalize(out.data, recipe.prompts * C, D);
    },
  };
}

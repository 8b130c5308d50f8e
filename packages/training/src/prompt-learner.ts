// Context vectors in, raw text embeddings out, and the gradient back: the frozen text tower seen from the training loop.
// Rows are [CLS] ctx <class name> . [SEP]; the encoder groups rows of like length, so that padding is not computed.

import type { Encoder } from "@biovlm/model";
import { classTokens, type PromptFrame, type PromptModel, type PromptRows, promptFrame, type Tape } from "@biovlm/model/prompts";
import { TrainingError } from "./errors.js";
import type { Recipe } from "./recipe.js";

/** Context vectors in, text embeddings out, and gradients back: an encoder's text tower with the class names in place. */
export interface PromptLearner {
  readonly shape: { readonly N: number; readonly C: number; readonly D: number; readonly T: number; readonly W: number };
  /** numbers of ctx: N·T·W, or N·C·T·W where each class has contexts of its own */
  readonly contextLength: number;
  /** ctx [N,T,W] → text embeddings as the tower gives them [N·C,D] and the tape for one backward */
  forward(ctx: Float32Array, signal?: AbortSignal): Promise<{ readonly text: Float32Array; readonly tape: PromptTape }>;
  /** ∂loss/∂text [N·C,D] → ∂loss/∂ctx [N,T,W]; spends the tape */
  backward(tape: PromptTape, dText: Float32Array, signal?: AbortSignal): Promise<Float32Array>;
  /** Frees a tape that will not be used; idempotent. */
  discard(tape: PromptTape): void;
}

/** Kept activations, or the rows to run again. */
export type PromptTape = Tape | PromptRows;

/** Whether the forward's activations are kept for the backward, or computed again there: less memory, about a third more time. */
export type Activations = "keep" | "recompute";

/** What a prompt learner is made of. */
export interface PromptLearnerOptions {
  readonly encoder: Encoder;
  readonly model: PromptModel;
  readonly classes: readonly string[];
  /** N, T, how frozen tokens enter, and whether contexts are a class's own */
  readonly recipe: Pick<Recipe, "prompts" | "contextTokens" | "embedding" | "classContext">;
  /** "keep" unless said */
  readonly activations?: Activations | undefined;
}

/** What follows the class name in every prompt. */
export const PROMPT_SUFFIX = ".";

/** A learner for class names. Throws TrainingError `no_gradients` for an encoder that cannot train. */
export function promptLearner(options: PromptLearnerOptions): PromptLearner {
  const { encoder, model, classes, recipe } = options;
  const tokens = classTokens(model, classes, recipe.contextTokens, PROMPT_SUFFIX);
  return frameLearner({
    ...options,
    frame: promptFrame(model, tokens, recipe.contextTokens, recipe.embedding, recipe.classContext),
    encoder,
  });
}

/** A learner for class rows that are tokenised already. */
export function frameLearner({
  encoder,
  model,
  recipe,
  frame,
  activations = "keep",
}: Pick<PromptLearnerOptions, "encoder" | "recipe" | "activations"> & {
  readonly model: Pick<PromptModel, "spec">;
  readonly frame: PromptFrame;
}): PromptLearner {
  const backward = encoder.encodePromptsBackward?.bind(encoder);
  if (backward === undefined || !encoder.capabilities.gradients) {
    throw new TrainingError(
      "no_gradients",
      `encoder ${encoder.name} — expected one with gradients, got one without. Open the model with a backend that can train.`,
    );
  }
  const N = recipe.prompts;
  const [C, , W] = frame.shape;
  return {
    shape: { N, C, D: model.spec.embedDim, T: recipe.contextTokens, W },
    contextLength: (recipe.classContext === true ? N * C : N) * recipe.contextTokens * W,
    async forward(ctx, signal) {
      const rows = frame.rows(ctx, N);
      const { out, tape } = await encoder.encodePrompts(rows, { keep: activations === "keep", signal });
      return { text: out.data, tape: tape ?? rows };
    },
    async backward(tape, dText, signal) {
      return frame.contextGradient(await backward(tape, dText, { signal }), N);
    },
    discard(tape) {
      if ("dispose" in tape) tape.dispose();
    },
  };
}

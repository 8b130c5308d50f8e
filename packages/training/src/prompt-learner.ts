// Context vectors in, raw text embeddings out, and the gradient back: the frozen text tower seen from the training loop.

import type { Tape } from "@biovlm/model";

export interface PromptLearner {
  readonly shape: { readonly N: number; readonly C: number; readonly D: number; readonly T: number; readonly W: number };
  /** ctx [N,T,W] → text embeddings as the tower gives them [N·C,D] and the tape for one backward */
  forward(ctx: Float32Array, signal?: AbortSignal): Promise<{ readonly text: Float32Array; readonly tape: PromptTape }>;
  /** ∂loss/∂text [N·C,D] → ∂loss/∂ctx [N,T,W]; spends the tape */
  backward(tape: PromptTape, dText: Float32Array, signal?: AbortSignal): Promise<Float32Array>;
}

export type PromptTape = Tape;

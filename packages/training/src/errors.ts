// Errors of this package: one class, stable codes.

import { BiovlmError } from "@biovlm/files";

/** Stable codes of {@link TrainingError}. */
export type TrainingErrorCode =
  | "bad_option"
  | "bad_shape"
  | "empty_split"
  | "no_gradients"
  | "not_finite"
  | "checkpoint_mismatch"
  | "checkpoint_corrupt";

/** `what — expected …, got …. What to do.` */
export class TrainingError extends BiovlmError<TrainingErrorCode> {
  constructor(code: TrainingErrorCode, message: string, options?: { cause?: unknown }) {
    super("training", "TrainingError", code, message, options);
  }
}

// Errors of this package: one class, stable codes.

export type TrainingErrorCode =
  | "bad_option"
  | "bad_shape"
  | "empty_split"
  | "no_gradients"
  | "not_finite"
  | "checkpoint_mismatch"
  | "checkpoint_corrupt"
  | "refused_pair"
  | "storage"
  | "aborted";

/** `[biovlm:training] what — expected …, got …. What to do.` */
export class TrainingError extends Error {
  readonly code: TrainingErrorCode;

  constructor(code: TrainingErrorCode, message: string, options?: { cause?: unknown }) {
    super(`[biovlm:training] ${message}`, options);
    this.name = "TrainingError";
    this.code = code;
  }
}

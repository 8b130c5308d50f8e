// Errors of this package: one class, stable codes.

import { BiovlmError } from "@biovlm/files";

/** Stable codes of {@link EvaluationError}: an option that cannot be, a result or a pair of arrays whose sizes do not agree. */
export type EvaluationErrorCode = "bad_option" | "bad_shape";

/** Error of @biovlm/evaluation: `what — expected …, got …. What to do.` */
export class EvaluationError extends BiovlmError<EvaluationErrorCode> {
  constructor(code: EvaluationErrorCode, message: string, options?: { cause?: unknown }) {
    super("evaluation", "EvaluationError", code, message, options);
  }
}

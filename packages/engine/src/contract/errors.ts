// Errors of this package: one class, stable codes. What an HTTP status or an exit code makes of them is for those who know such things.

import { BiovlmError } from "@biovlm/files";

/** Stable codes of {@link EngineError}. */
export type EngineErrorCode =
  | "bad_option" // an option out of range, or one that does not go with another
  | "bad_name" // a name that no bank can have
  | "bad_bank" // a bank file that is none, or not of this model
  | "bad_classes" // classes that the bank cannot name
  | "bad_tensor" // embeddings of another shape, or not finite
  | "unknown_model" // no served model of this name
  | "model_unloaded" // a served model that was unloaded by name
  | "model_too_large" // a model that is beyond the memory for models, alone
  | "load_failed" // a served model that could not be loaded now
  | "unknown_bank" // no bank of this name
  | "unreadable_image" // a known format whose contents are damaged
  | "unsupported_format" // not an image that is read here
  | "payload_too_large" // more bytes or pixels than the limits allow
  | "shown_otherwise" // images asked for in another window, range or plane than the bank was learned in
  | "too_many_frames" // more frames of images in a call than are allowed
  | "too_many_images" // more images in a call than could ever wait
  | "overloaded" // no room to wait now; `retryAfter` says when to ask again
  | "deadline_exceeded" // not answered within the caller's time
  | "not_ready" // warming up, draining, closed
  | "backend_unavailable" // no device could be opened, or none is left
  | "bad_output" // NaN or zeros came out
  | "internal"; // a fault of ours

/** `what — expected …, got …. What to do.` The message may go to a client: it names no file and no patient. */
export class EngineError extends BiovlmError<EngineErrorCode> {
  /** seconds after which another try may do, for `overloaded` and `not_ready` */
  readonly retryAfter: number | undefined;

  constructor(code: EngineErrorCode, message: string, options?: { cause?: unknown; retryAfter?: number }) {
    super("engine", "EngineError", code, message, { cause: options?.cause });
    this.retryAfter = options?.retryAfter;
  }
}

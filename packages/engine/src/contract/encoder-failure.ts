// What goes wrong in an encoder, as a code of this package: clients learn that the device failed, not how the server is built.

import { EncoderError } from "@biovlm/model";
import { EngineError } from "./errors.js";

/** Any failure of an encoder or of its process. ServerErrors pass; programming errors do too. */
export function encoderFailure(error: unknown): unknown {
  if (error instanceof EngineError || !(error instanceof EncoderError)) return error;
  if (error.code === "bad_output") {
    return new EngineError("bad_output", "the device — expected numbers, got NaN, infinity or zeros; nothing of it was used. Try again.", {
      cause: error,
      retryAfter: 1,
    });
  }
  if (error.code === "bad_input" || error.code === "not_supported") return error;
  return unavailable("expected an answer, got a failure", error);
}

/** 503 with Retry-After. */
export function unavailable(what: string, cause?: unknown): EngineError {
  return new EngineError("backend_unavailable", `the encoder — ${what.replace(/\.$/, "")}. Try again.`, { cause, retryAfter: 2 });
}

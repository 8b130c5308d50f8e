// Errors of this package: one class, stable codes, and the one table that says which HTTP status a code is.

import type { EngineErrorCode } from "@biovlm/engine";
import { BiovlmError } from "@biovlm/files";

/** Code → status. What a route may answer is taken from here, so that documents and behaviour cannot part. */
export const STATUS_OF = {
  bad_request: 400,
  bad_json: 400,
  bad_tensor: 400,
  bad_option: 400,
  bad_address: 400,
  bad_name: 400,
  bad_classes: 400,
  bad_bank: 400,
  shown_otherwise: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  unknown_model: 404,
  unknown_bank: 404,
  method_not_allowed: 405,
  deadline_exceeded: 408,
  conflict: 409,
  port_in_use: 409,
  payload_too_large: 413,
  too_many_frames: 413,
  too_many_images: 413,
  unsupported_media_type: 415,
  unsupported_format: 415,
  unreadable_image: 422,
  overloaded: 429,
  rate_limited: 429,
  headers_too_large: 431,
  client_closed: 499,
  internal: 500,
  not_ready: 503,
  model_unloaded: 503,
  load_failed: 503,
  not_kept: 503,
  backend_unavailable: 503,
  bad_output: 503,
  model_too_large: 507,
} as const satisfies Readonly<Record<EngineErrorCode, number>> & Readonly<Record<string, number>>;

/** Stable codes of {@link ServerError}; each has one HTTP status. */
export type ServerErrorCode = keyof typeof STATUS_OF;

/** `what — expected …, got …. What to do.` The message goes to the client: it names no file and no patient. */
export class ServerError extends BiovlmError<ServerErrorCode> {
  /** seconds, for 429 and 503 */
  readonly retryAfter: number | undefined;

  constructor(code: ServerErrorCode, message: string, options?: { cause?: unknown; retryAfter?: number }) {
    super("server", "ServerError", code, message, { cause: options?.cause });
    this.retryAfter = options?.retryAfter;
  }

  get status(): number {
    return STATUS_OF[this.code];
  }
}

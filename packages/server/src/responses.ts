// What a route may answer, said once: a success and the codes it may fail with become the documented statuses.

import type { TSchema } from "typebox";
import { type ServerErrorCode, STATUS_OF } from "./errors.js";
import type { ErrorForm } from "./replies.js";
import { OpenaiError, Problem, ProtocolError } from "./schemas/answer.js";

const FORMS: Readonly<Record<ErrorForm, { type: string; schema: TSchema }>> = {
  problem: { type: "application/problem+json", schema: Problem },
  protocol: { type: "application/json", schema: ProtocolError },
  openai: { type: "application/json", schema: OpenaiError },
};

/** Codes every route behind a key may answer with; `not_ready` until models are opened. */
export const GUARDED: readonly ServerErrorCode[] = ["unauthorized", "forbidden", "rate_limited", "not_ready"];

/** Codes of calls that a model answers: one that is not in memory is loaded first. */
export const MODEL_CODES: readonly ServerErrorCode[] = ["unknown_model", "model_unloaded", "model_too_large", "load_failed", "overloaded"];

/**
 * Response schemas of a route by status.
 * @param success schema of a 200, or a media type with a description for one that is no JSON
 */
export function responses(
  success: TSchema | { readonly type: string; readonly description: string },
  form: ErrorForm,
  codes: readonly ServerErrorCode[],
): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  out["200"] =
    "type" in success && typeof success.type === "string" && success.type.includes("/")
      ? { description: success["description"], content: { [success.type]: { schema: { type: "string" } } } }
      : { description: "answered", content: { "application/json": { schema: success } } };
  const byStatus = new Map<number, ServerErrorCode[]>();
  for (const code of new Set(codes)) byStatus.set(STATUS_OF[code], [...(byStatus.get(STATUS_OF[code]) ?? []), code]);
  for (const [status, list] of [...byStatus].sort(([a], [b]) => a - b)) {
    const { type, schema } = FORMS[form];
    out[String(status)] = { description: list.join(", "), content: { [type]: { schema } } };
  }
  return out;
}

// Errors on the wire: each family of routes has its own form, all from the same codes. A fault of ours says so and nothing more.

import { EngineError } from "@biovlm/engine";
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { ServerError, type ServerErrorCode } from "./errors.js";
import type { Problem } from "./schemas/answer.js";

/** Which form a route's errors take. */
export type ErrorForm = "problem" | "protocol" | "openai";

const FASTIFY_CODES: Readonly<Record<string, ServerErrorCode>> = {
  FST_ERR_VALIDATION: "bad_request",
  FST_ERR_CTP_BODY_TOO_LARGE: "payload_too_large",
  FST_ERR_CTP_INVALID_MEDIA_TYPE: "unsupported_media_type",
  FST_ERR_CTP_EMPTY_JSON_BODY: "bad_json",
  FST_ERR_CTP_EMPTY_TYPE: "unsupported_media_type",
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: "bad_request",
  FST_REQ_FILE_TOO_LARGE: "payload_too_large",
  FST_FILES_LIMIT: "too_many_images",
  FST_PARTS_LIMIT: "too_many_images",
  FST_FIELDS_LIMIT: "bad_request",
  FST_PROTO_VIOLATION: "bad_request",
  FST_INVALID_MULTIPART_CONTENT_TYPE: "unsupported_media_type",
  FST_MULTIPART_PREMATURE_CLOSE: "bad_request",
};

/** Codes of our other packages that a client can do something about. */
const FOREIGN_CODES: Readonly<Record<string, ServerErrorCode>> = {
  bad_classes: "bad_classes",
  bad_bank: "bad_bank",
  malformed_safetensors: "bad_bank",
  model_mismatch: "bad_bank",
  bad_argument: "bad_request",
};

/** Any error as one of ours. @param taken media types that the route takes, for an error about them */
export function serverError(error: unknown, taken?: () => readonly string[]): ServerError {
  if (error instanceof ServerError) return error;
  if (error instanceof EngineError) {
    const { code, message, retryAfter } = error;
    return new ServerError(code, message, { cause: error, ...(retryAfter === undefined ? {} : { retryAfter }) });
  }
  const { code, statusCode, message } = error as FastifyError;
  const known = typeof code === "string" ? (FASTIFY_CODES[code] ?? FOREIGN_CODES[code]) : undefined;
  if (known === "unsupported_media_type" && taken !== undefined) {
    const types = taken().join(", ");
    return new ServerError(known, `request body — expected one of ${types}, got another type or none. Name it in Content-Type.`, {
      cause: error,
    });
  }
  if (known === "bad_request" && "validation" in (error as object)) return new ServerError(known, schemaFault(error as FastifyError));
  if (known !== undefined) return new ServerError(known, message, { cause: error });
  if (statusCode === 429)
    return new ServerError("rate_limited", "rate — expected fewer requests a minute. Wait as Retry-After says.", {
      cause: error,
      retryAfter: 60,
    });
  if (typeof statusCode === "number" && statusCode >= 400 && statusCode < 500)
    return new ServerError("bad_request", message, { cause: error });
  return new ServerError("internal", "the server — expected to answer, got a fault of its own. Try again; the log has its id.", {
    cause: error,
  });
}

/** What of a request does not fit its schema. An unknown field is named by those there are: its own name may be anything. */
function schemaFault({ message, validation, validationContext }: FastifyError): string {
  const fault = validation?.find(({ keyword }) => keyword === "additionalProperties");
  const { properties } = ((fault as { parentSchema?: object } | undefined)?.parentSchema ?? {}) as { properties?: object };
  if (properties === undefined) return message;
  return `${validationContext ?? "request"} — expected only ${Object.keys(properties).join(", ")}, got another field. Leave it out.`;
}

/** Answers with an error in a route's form. */
export function replyWith(error: ServerError, form: ErrorForm, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { code, status } = error;
  request.errorCode = code;
  const detail = error.message;
  if (error.retryAfter !== undefined || status === 429 || (status === 503 && code !== "model_unloaded"))
    reply.header("retry-after", String(Math.ceil(error.retryAfter ?? 1)));
  if (status === 401) reply.header("www-authenticate", 'Bearer realm="biovlm"');
  // the same again would end the same way: OpenAI's clients try a 408 or 5xx anew unless they are told
  if (code === "deadline_exceeded" || code === "model_unloaded" || code === "model_too_large") reply.header("x-should-retry", "false");
  // what is left of a body that was refused unread must not be taken for the next request
  if (status === 401 || status === 413) reply.header("connection", "close");
  reply.code(status);
  if (form === "protocol") return reply.type("application/json").send({ error: `${code}: ${detail}` });
  if (form === "openai") {
    return reply
      .type("application/json")
      .send({ error: { message: detail, type: status >= 500 ? "server_error" : "invalid_request_error", param: null, code } });
  }
  const problem: Problem = {
    type: `urn:biovlm:error:${code}`,
    title: code.replaceAll("_", " "),
    status,
    detail,
    code,
    instance: `urn:biovlm:request:${request.id}`,
  };
  return reply.type("application/problem+json").send(problem);
}

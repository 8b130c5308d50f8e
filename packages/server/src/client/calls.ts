// How the client asks: one request, sent again where the server is busy or gone for a moment, ended by a signal or a time, and every failure as one
// kind of error with a stable code. All routes may be asked twice: what is sent again changes nothing that the first time did not.

import type { Static } from "typebox";
import type { Problem } from "../schemas/answer.js";

/** Which server, with which key, and how patiently. */
export interface ClientOptions {
  /** e.g. "http://127.0.0.1:8080"; below a path where a proxy gives it so */
  readonly baseUrl: string;
  /** sent as a bearer token */
  readonly apiKey?: string;
  /** another fetch, e.g. with a proxy or with authorities of its own */
  readonly fetch?: typeof globalThis.fetch;
  /** how often a call is sent again where the server is busy (429, 503) or cannot be reached; 2 when absent */
  readonly maxRetries?: number;
  /** milliseconds that a call may take with all its tries; 600 000 when absent */
  readonly timeoutMs?: number;
}

/** What each call takes: a signal, a deadline, and other patience than the client's. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** milliseconds after which the server gives the call up */
  readonly deadlineMs?: number | undefined;
  /** instead of the client's */
  readonly maxRetries?: number | undefined;
  /** instead of the client's */
  readonly timeoutMs?: number | undefined;
}

/**
 * A refusal or a failure. `code` is stable; look at it, not at the message. Beside the server's own codes: `unreachable` (no answer, in `cause` why),
 * `timeout`, `unexpected_answer` (something else answered, a proxy for instance) and `bad_option`.
 */
export class ApiError extends Error {
  readonly code: string;
  /** HTTP's; 0 where there was no answer */
  readonly status: number;
  /** seconds to wait before another try, where the server says so */
  readonly retryAfter: number | undefined;

  constructor(code: string, status: number, message: string, retryAfter?: number, options?: ErrorOptions) {
    super(message, options);
    this.name = "ApiError";
    this.code = code;
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** One request. */
export interface Question {
  readonly method: "GET" | "POST" | "PUT";
  readonly path: string;
  readonly body?: BodyInit;
  readonly type?: string;
}

/** Asks and reads an answer. */
export type Ask = <T>(question: Question, read: (answer: Response) => Promise<T>, options?: CallOptions) => Promise<T>;

/** A longer pause than this is left to the caller, ms. */
const LONGEST_PAUSE = 60_000;
/** Before the first try again where the server names no time, ms; twice as long before each further one. */
const FIRST_PAUSE = 500;
/** What stands before a server that is gone answers so. */
const IN_FRONT: readonly number[] = [502, 504];

/** @throws ApiError `bad_option` for an address or a key that cannot be one */
export function askOf({
  baseUrl,
  apiKey,
  fetch: get = globalThis.fetch,
  maxRetries: usualRetries = 2,
  timeoutMs: usualTime = 600_000,
}: ClientOptions): Ask {
  if (!/^https?:$/.test(URL.canParse(baseUrl) ? new URL(baseUrl).protocol : ""))
    throw new ApiError("bad_option", 0, "baseUrl — expected an address such as http://127.0.0.1:8080, got another text. Correct it.");
  if (apiKey !== undefined && !/^[\x21-\x7e]+$/.test(apiKey))
    throw new ApiError("bad_option", 0, "apiKey — expected Latin letters, digits and signs without spaces, got another text. Correct it.");
  const root = baseUrl.replace(/\/+$/, "");

  return async (question, read, { signal, deadlineMs, maxRetries = usualRetries, timeoutMs = usualTime } = {}) => {
    const ended = new AbortController();
    const late = () =>
      new ApiError(
        "timeout",
        0,
        `${question.path} — expected an answer within ${timeoutMs} ms, got none. Allow more by timeoutMs, or send less.`,
      );
    const timer = setTimeout(() => ended.abort(late()), timeoutMs);
    const leave = () => ended.abort(signal?.reason);
    if (signal?.aborted === true) leave();
    else signal?.addEventListener("abort", leave, { once: true });
    const headers = {
      ...(question.type === undefined ? {} : { "content-type": question.type }),
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
      ...(deadlineMs === undefined ? {} : { "x-deadline-ms": String(Math.ceil(deadlineMs)) }),
    };
    const { method, path, body } = question;
    const once = async () => {
      const init = { method, headers, signal: ended.signal, ...(body === undefined ? {} : { body }) };
      try {
        const response = await get(`${root}${path}`, init);
        if (!response.ok) throw await refusal(response);
        return await read(response);
      } catch (error) {
        if (ended.signal.aborted) throw ended.signal.reason;
        throw error instanceof ApiError ? error : failure(error, root);
      }
    };
    try {
      for (let tries = 0; ; tries++) {
        try {
          return await once();
        } catch (error) {
          const wait = error instanceof ApiError && tries < maxRetries ? pauseAfter(error, tries) : undefined;
          if (wait === undefined) throw error;
          await pause(wait, ended.signal);
        }
      }
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", leave);
    }
  };
}

/** Milliseconds until the same may be asked again; undefined where it would be answered alike, or later than a caller waits unasked. */
function pauseAfter({ code, status, retryAfter }: ApiError, tries: number): number | undefined {
  // a server that is not ready for long names no time
  const soon = status === 429 || (status === 503 && (retryAfter !== undefined || code === "not_ready"));
  const again = soon || code === "unreachable" || (code === "unexpected_answer" && IN_FRONT.includes(status));
  const wait = retryAfter === undefined ? FIRST_PAUSE * 2 ** tries : retryAfter * 1000;
  return again && wait <= LONGEST_PAUSE ? wait : undefined;
}

/** @throws the signal's reason */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", leave);
      resolve();
    }, ms);
    if (signal.aborted) leave();
    else signal.addEventListener("abort", leave, { once: true });
  });
}

/** No answer, or one that is no JSON. */
function failure(error: unknown, root: string): ApiError {
  const options = { cause: error };
  if (error instanceof SyntaxError)
    return new ApiError(
      "unexpected_answer",
      200,
      `${root} — expected JSON, got another text: something else answers there.`,
      undefined,
      options,
    );
  const { message, cause } = error as { readonly message?: string; readonly cause?: { readonly message?: string } };
  const why = cause?.message ?? message ?? "no answer";
  return new ApiError("unreachable", 0, `${root} — expected an answer, got none (${why}). See that the server runs.`, undefined, options);
}

/** The server's error, whichever of its three forms it has. */
async function refusal(response: Response): Promise<ApiError> {
  const text = await response.text();
  let body: Partial<Static<typeof Problem>> & { error?: string | { code?: string; message?: string }; reason?: string } = {};
  try {
    body = (JSON.parse(text) ?? {}) as typeof body;
  } catch {
    // a proxy's page, or nothing
  }
  const of = typeof body.error === "object" ? body.error : undefined;
  const said = typeof body.error === "string" ? /^([a-z_]+): (.*)$/s.exec(body.error) : null;
  const code = body.code ?? of?.code ?? said?.[1] ?? (response.status === 503 ? "not_ready" : "unexpected_answer");
  const message = body.detail ?? of?.message ?? said?.[2] ?? body.reason ?? `expected an answer, got status ${response.status}`;
  return new ApiError(code, response.status, message, secondsOf(response.headers.get("retry-after")));
}

/** Seconds of Retry-After: a number, or as proxies write it a date. */
function secondsOf(header: string | null): number | undefined {
  if (header === null || header.trim() === "") return undefined;
  const seconds = Number(header);
  if (Number.isFinite(seconds)) return Math.max(0, seconds);
  const until = Date.parse(header);
  return Number.isNaN(until) ? undefined : Math.max(0, Math.ceil((until - Date.now()) / 1000));
}

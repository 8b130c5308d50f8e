// One question to an OpenAI-compatible chat endpoint: bounded in time and size, repeated after passing failures, never redirected.
// A key is sent to the named host only, and in the clear only to this machine.

import { parseStrictJson } from "@biovlm/files";
import type { ChatMessage } from "./attribute-answer.js";
import { DatasetError } from "./errors.js";

export interface ChatEndpoint {
  readonly url: string;
  readonly model: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly fetch: typeof fetch;
  readonly retries: number;
  readonly retryDelayMs: number;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

const MAX_ANSWER_BYTES = 4 * 2 ** 20;
const LONGEST_WAIT_MS = 60_000;

export interface ChatEndpointOptions {
  readonly endpoint?: string;
  readonly model: string;
  readonly apiKey?: string;
  readonly fetch?: typeof fetch;
  readonly retries: number;
  readonly retryDelayMs?: number;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** @throws DatasetError `bad_option` */
export function chatEndpoint(options: ChatEndpointOptions): ChatEndpoint {
  const { model, apiKey, retries, retryDelayMs = 1000, timeoutMs = 120_000, signal } = options;
  const bad = (text: string) => new DatasetError("bad_option", text);
  let url: URL;
  try {
    url = new URL(options.endpoint ?? "http://127.0.0.1:11434/v1");
  } catch {
    throw bad("endpoint — expected an http or https address such as http://127.0.0.1:11434/v1, got another text.");
  }
  if ((url.protocol !== "http:" && url.protocol !== "https:") || url.username !== "" || url.search !== "")
    throw bad("endpoint — expected an http or https address without user or query, got another one. Give the key as apiKey.");
  const local = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(url.hostname);
  if (apiKey !== undefined && url.protocol === "http:" && !local)
    throw bad("endpoint — expected https for a host that gets a key, got http. Use https, or a server on this machine.");
  if (apiKey !== undefined && !/^[\x21-\x7e]{1,4096}$/.test(apiKey))
    throw bad("apiKey — expected printable characters without spaces, got others.");
  if (typeof model !== "string" || model.trim() === "" || model.length > 200)
    throw bad("model — expected a model's name. Name one that the endpoint serves.");
  if (!(timeoutMs > 0) || !(retryDelayMs >= 0)) throw bad("timeoutMs, retryDelayMs — expected milliseconds, got another value.");
  return {
    url: `${url.origin}${url.pathname.replace(/\/+$/, "")}/chat/completions`,
    model,
    headers: {
      "content-type": "application/json",
      accept: "application/json",
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
    },
    fetch: options.fetch ?? globalThis.fetch,
    retries,
    retryDelayMs,
    timeoutMs,
    ...(signal === undefined ? {} : { signal }),
  };
}

/** The answer's text. @throws DatasetError `network`, `bad_answer`, `aborted` */
export async function askChat(endpoint: ChatEndpoint, messages: readonly ChatMessage[]): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    const outcome = await askOnce(endpoint, messages);
    if (typeof outcome === "string") return outcome;
    if (!outcome.passing || attempt >= endpoint.retries) throw outcome.error;
    await pause(Math.min(LONGEST_WAIT_MS, outcome.waitMs ?? endpoint.retryDelayMs * 2 ** attempt), endpoint.signal);
  }
}

interface Failure {
  readonly error: DatasetError;
  /** may go away by itself */
  readonly passing: boolean;
  readonly waitMs?: number;
}

async function askOnce(
  { url, model, headers, fetch, timeoutMs, signal }: ChatEndpoint,
  messages: readonly ChatMessage[],
): Promise<string | Failure> {
  const timeout = AbortSignal.timeout(timeoutMs);
  const network = (text: string, passing: boolean, extra: { cause?: unknown; waitMs?: number } = {}): Failure => ({
    error: new DatasetError("network", `language model endpoint — ${text}`, { cause: extra.cause }),
    passing,
    ...(extra.waitMs === undefined ? {} : { waitMs: extra.waitMs }),
  });
  let status: number;
  let body: string;
  try {
    throwIfAborted(signal);
    const response = await fetch(url, {
      method: "POST",
      headers,
      body: JSON.stringify({ model, messages, temperature: 0.2, stream: false }),
      redirect: "error",
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    });
    status = response.status;
    if (status === 429 || status >= 500) {
      await response.body?.cancel();
      const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
      return network(
        `expected an answer, got status ${status}. Try again later.`,
        true,
        Number.isFinite(seconds) ? { waitMs: Math.max(0, seconds) * 1000 } : {},
      );
    }
    body = await boundedText(response);
  } catch (cause) {
    throwIfAborted(signal);
    if (cause instanceof DatasetError) throw cause;
    if (timeout.aborted)
      return network(`expected an answer within ${timeoutMs} ms, got none. Raise timeoutMs, or use a smaller model.`, true, { cause });
    const { code } = ((cause as { cause?: unknown }).cause ?? {}) as { code?: unknown };
    const got = `got no connection or a redirect${typeof code === "string" ? ` (${code})` : ""}`;
    const what = `expected a server at the address, ${got}. Start it, or name another endpoint; beyond this machine see HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE.`;
    return network(what, true, { cause });
  }
  if (status === 401 || status === 403) return network(`expected the key to be accepted, got status ${status}. Check the key.`, false);
  if (status === 404) return network(`expected /chat/completions and the model "${model}", got status 404. Check both names.`, false);
  if (status !== 200) return network(`expected status 200, got ${status}. Check the endpoint and the model's name.`, false);
  return answerText(body);
}

function answerText(body: string): string {
  try {
    const value = parseStrictJson(body, "answer") as { choices?: { message?: { content?: unknown } }[] };
    const content = value.choices?.[0]?.message?.content;
    if (typeof content === "string") return content;
  } catch {
    // said below
  }
  throw new DatasetError(
    "bad_answer",
    "language model endpoint — expected choices[0].message.content, got another body. Is the endpoint OpenAI-compatible?",
  );
}

async function boundedText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let seen = 0;
  const reader = response.body?.getReader();
  for (;;) {
    const next = await reader?.read();
    if (next === undefined || next.done) return text + decoder.decode();
    seen += next.value.length;
    if (seen > MAX_ANSWER_BYTES) {
      await reader?.cancel();
      throw new DatasetError(
        "bad_answer",
        `language model endpoint — expected at most ${MAX_ANSWER_BYTES} bytes, got more. Try another model.`,
      );
    }
    text += decoder.decode(next.value, { stream: true });
  }
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new DatasetError("aborted", "generating attributes — stopped by the caller.", { cause: signal.reason });
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  throwIfAborted(signal);
  await new Promise<void>((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    signal?.addEventListener("abort", finish);
  });
  throwIfAborted(signal);
}

// One HTTP request to a hub: redirects are followed by hand, so that the token goes to the hub's own origin and nowhere else.
// Knows nothing of files or caches. Uses `networkFetch`, or one that is injected (a test).

import { connectionAdvice, networkFetch } from "@biovlm/files/node";
import { ModelError } from "../../contract/errors.js";

export interface HubConnection {
  /** e.g. https://huggingface.co */
  readonly endpoint: string;
  readonly token?: string | undefined;
  /** `Basic …` of a mirror, sent where there is no token, to the endpoint's own origin as the token is. */
  readonly basic?: string | undefined;
  /** Default: `networkFetch`, which honours HTTPS_PROXY, NO_PROXY and the variables that name a CA. */
  readonly fetch?: typeof globalThis.fetch | undefined;
  /** Time to wait for an answer's headers. Default 20 000 ms. */
  readonly answerMs?: number | undefined;
}

export interface HubAnswer {
  readonly response: Response;
  /** Headers of every hop, the first first: a hub's metadata stands on the redirect, not on what it leads to. */
  readonly hops: readonly Headers[];
  /** Ends the transfer. */
  readonly abort: (reason: unknown) => void;
}

const MAX_REDIRECTS = 6;

/**
 * Sends a request and follows redirects, up to 6. `stop` ends the walk early at a redirect whose headers suffice.
 * Rejects with `ModelError`: `network` (no answer), `hub_protocol` (a redirect that is refused); with the signal's reason when aborted.
 */
export async function hubRequest(
  connection: HubConnection,
  path: string,
  init: {
    readonly method: "GET" | "HEAD";
    readonly headers?: Readonly<Record<string, string>>;
    readonly signal?: AbortSignal | undefined;
    readonly stop?: (hops: readonly Headers[]) => boolean;
  },
): Promise<HubAnswer> {
  const home = endpointUrl(connection.endpoint);
  const control = new AbortController();
  const signal = init.signal === undefined ? control.signal : AbortSignal.any([control.signal, init.signal]);
  init.signal?.throwIfAborted();
  let url = new URL(path.replace(/^\/+/, ""), `${home.href.replace(/\/+$/, "")}/`);
  const hops: Headers[] = [];
  const wait = connection.answerMs ?? 20_000;
  const send = connection.fetch ?? (await networkFetch());
  for (let hop = 0; ; hop++) {
    const headers: Record<string, string> = { "user-agent": "biovlm", "accept-encoding": "identity", ...init.headers };
    const authorization = connection.token === undefined ? connection.basic : `Bearer ${connection.token}`;
    if (authorization !== undefined && url.origin === home.origin && mayCarryToken(url)) headers["authorization"] = authorization;
    const timer = setTimeout(() => control.abort(new Error(`no answer within ${wait} ms`)), wait);
    let response: Response;
    try {
      response = await send(url, { method: init.method, headers, redirect: "manual", signal });
    } catch (error) {
      if (init.signal?.aborted) throw init.signal.reason;
      throw networkFailure(url, error);
    } finally {
      clearTimeout(timer);
    }
    hops.push(response.headers);
    const location = response.headers.get("location");
    if (response.status < 300 || response.status >= 400 || location === null || init.stop?.(hops)) {
      return { response, hops, abort: (reason) => control.abort(reason) };
    }
    await response.body?.cancel().catch(() => {});
    if (hop === MAX_REDIRECTS)
      throw new ModelError(
        "hub_protocol",
        `${url.origin} redirects without end — expected at most ${MAX_REDIRECTS} redirects. Check HF_ENDPOINT.`,
      );
    url = nextUrl(url, location);
  }
}

/** The `network` error for a failed connection to `url`; names the host and the system's reason, never the token or the query. */
function networkFailure(url: URL | string, error: unknown): ModelError {
  const host = typeof url === "string" ? url : url.host;
  const { reason, remedy } = connectionAdvice(error);
  return new ModelError("network", `no connection to ${host} — ${reason}. ${remedy}; or use HF_ENDPOINT, or bring the model as a bundle.`, {
    cause: error,
  });
}

function endpointUrl(endpoint: string): URL {
  let url: URL | undefined;
  try {
    url = new URL(endpoint);
  } catch {
    // told below
  }
  if (url === undefined || !["https:", "http:"].includes(url.protocol) || url.username !== "" || url.search !== "") {
    throw new ModelError(
      "bad_argument",
      "HF_ENDPOINT refused — expected an http(s) address without credentials or query. Set it as https://huggingface.co; a mirror's name and password stand in ~/.netrc (or the file that NETRC names).",
    );
  }
  return url;
}

/** Over plain http a token goes to this machine only. */
function mayCarryToken(url: URL): boolean {
  return url.protocol === "https:" || ["127.0.0.1", "[::1]", "localhost"].includes(url.hostname);
}

function nextUrl(from: URL, location: string): URL {
  let to: URL | undefined;
  try {
    to = new URL(location, from);
  } catch {
    // told below
  }
  const allowed =
    to !== undefined && (to.protocol === "https:" || (to.protocol === "http:" && from.protocol === "http:")) && to.username === "";
  if (!allowed)
    throw new ModelError(
      "hub_protocol",
      `${from.host} redirects where it may not — expected an address as safe as its own. Check HF_ENDPOINT.`,
    );
  return to as URL;
}

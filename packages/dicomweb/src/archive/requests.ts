// One request to an archive: tried again where that can help, bounded in bytes and time, never led elsewhere by a redirect. Messages name the
// status and the kind of request; never the address's path, which holds UIDs, and never a credential.

import { setTimeout as delay } from "node:timers/promises";
import { DicomwebError } from "../errors.js";

/** How requests are made. */
export interface RequestLimits {
  /** tries in all. Default 5 */
  readonly tries: number;
  /** first pause between tries, doubled each time up to 30 s. Default 500 ms */
  readonly backoffMs: number;
  /** longest time of one try. Default 120 000 ms */
  readonly timeoutMs: number;
}

export const REQUEST_LIMITS: RequestLimits = { tries: 5, backoffMs: 500, timeoutMs: 120_000 };

/** An answer, read whole. */
export interface ArchiveAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** What is asked. */
export interface ArchiveRequest {
  /** what messages call it: "search for instances" */
  readonly what: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly method?: "GET" | "POST";
  readonly body?: Uint8Array<ArrayBuffer>;
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
}

/** A failure that another try may not meet. */
class Again extends Error {
  readonly failure: DicomwebError;
  readonly afterMs: number;

  constructor(failure: DicomwebError, afterMs = 0) {
    super(failure.message);
    this.failure = failure;
    this.afterMs = afterMs;
  }
}

/** Bytes of a body, at most `maxBytes`. @throws DicomwebError `too_large` */
async function bodyOf(response: Response, what: string, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const tooLarge = () =>
    new DicomwebError("too_large", `${what} — expected at most ${maxBytes} bytes, got more. Raise the limit, or ask for less.`);
  if (Number(response.headers.get("content-length") ?? 0) > maxBytes) {
    await response.body?.cancel();
    throw tooLarge();
  }
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of response.body ?? []) {
    size += piece.byteLength;
    if (size > maxBytes) throw tooLarge();
    pieces.push(piece);
  }
  return new Uint8Array(Buffer.concat(pieces));
}

function retryAfterMs(response: Response): number {
  const seconds = Number(response.headers.get("retry-after"));
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, 60) * 1000 : 0;
}

async function once(request: ArchiveRequest, timeoutMs: number): Promise<ArchiveAnswer> {
  const { what, url, headers, method = "GET", body, maxBytes, signal } = request;
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    const response = await fetch(url, {
      method,
      headers,
      redirect: "manual",
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      ...(body !== undefined && { body }),
    });
    if (response.status >= 300 && response.status < 400) {
      await response.body?.cancel();
      throw new DicomwebError(
        "refused",
        `${what} — expected an answer, got a redirect (${response.status}). Give the address that it leads to, if you trust it.`,
      );
    }
    const answer = await bodyOf(response, what, maxBytes);
    if (response.status === 429 || response.status >= 500) {
      const failure = new DicomwebError(
        "unavailable",
        `${what} — expected an answer, got ${response.status}. Try again later, or look at the archive's log.`,
      );
      throw new Again(failure, retryAfterMs(response));
    }
    return { status: response.status, contentType: response.headers.get("content-type") ?? "", body: answer };
  } catch (error) {
    if (error instanceof DicomwebError || error instanceof Again) throw error;
    if (signal?.aborted === true) throw new DicomwebError("aborted", `${what} — stopped. Start it again to go on.`, { cause: error });
    const reason = timeout.aborted ? `none within ${timeoutMs} ms` : reasonOf(error);
    throw new Again(
      new DicomwebError("network", `${what} — expected an answer, got ${reason}. Check the address and that the archive runs.`, {
        cause: error,
      }),
    );
  }
}

/** The system's code of a failed connection: ECONNREFUSED, DEPTH_ZERO_SELF_SIGNED_CERT, … */
function reasonOf(error: unknown): string {
  const cause: unknown = error instanceof Error ? error.cause : undefined;
  const code: unknown = cause instanceof Error ? Reflect.get(cause, "code") : undefined;
  return typeof code === "string" ? code : "a connection that broke";
}

/**
 * Sends a request, and again after 429, 5xx and broken connections.
 * @throws DicomwebError `network` or `unavailable` after the last try, `refused` for a redirect, `too_large`, `aborted`
 */
export async function send(request: ArchiveRequest, limits: RequestLimits): Promise<ArchiveAnswer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await once(request, limits.timeoutMs);
    } catch (error) {
      if (!(error instanceof Again)) throw error;
      if (attempt >= limits.tries) throw error.failure;
      const pause = Math.max(error.afterMs, Math.min(30_000, limits.backoffMs * 2 ** (attempt - 1)));
      await delay(pause, undefined, request.signal === undefined ? {} : { signal: request.signal }).catch(() => {
        throw new DicomwebError("aborted", `${request.what} — stopped. Start it again to go on.`);
      });
    }
  }
}

// One request to an archive: tried again where that can help, bounded in bytes and time, never led elsewhere by a redirect. Messages name the
// status and the kind of request; never the address's path, which holds UIDs, and never a credential.

import { type IncomingMessage, request as plainRequest } from "node:http";
import { request as secureRequest } from "node:https";
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
  /** certificates (PEM) that https is checked by, instead of those that the system trusts */
  readonly ca?: string | undefined;
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
async function bodyOf(response: IncomingMessage, what: string, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const tooLarge = () =>
    new DicomwebError("too_large", `${what} — expected at most ${maxBytes} bytes, got more. Raise the limit, or ask for less.`);
  if (Number(response.headers["content-length"] ?? 0) > maxBytes) throw tooLarge();
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of response as AsyncIterable<Buffer>) {
    size += piece.byteLength;
    if (size > maxBytes) throw tooLarge();
    pieces.push(piece);
  }
  return new Uint8Array(Buffer.concat(pieces));
}

function retryAfterMs(response: IncomingMessage): number {
  const seconds = Number(response.headers["retry-after"]);
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, 60) * 1000 : 0;
}

/** Sends a request; resolves with the head of the answer. Redirects are not followed. */
function sent(
  { url, method = "GET", headers, body }: ArchiveRequest,
  ca: string | undefined,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const send = url.protocol === "https:" ? secureRequest : plainRequest;
  const length = body === undefined ? {} : { "content-length": body.length };
  return new Promise((resolve, reject) => {
    const options = { method, headers: { ...headers, ...length }, signal, ...(ca !== undefined && { ca }) };
    send(url, options, resolve).on("error", reject).end(body);
  });
}

async function once(request: ArchiveRequest, { timeoutMs, ca }: RequestLimits): Promise<ArchiveAnswer> {
  const { what, maxBytes, signal } = request;
  const timeout = AbortSignal.timeout(timeoutMs);
  let response: IncomingMessage | undefined;
  try {
    response = await sent(request, ca, signal === undefined ? timeout : AbortSignal.any([signal, timeout]));
    const status = response.statusCode ?? 0;
    if (status >= 300 && status < 400) {
      throw new DicomwebError(
        "refused",
        `${what} — expected an answer, got a redirect (${status}). Give the address that it leads to, if you trust it.`,
      );
    }
    const answer = await bodyOf(response, what, maxBytes);
    if (status === 429 || status >= 500) {
      const failure = new DicomwebError(
        "unavailable",
        `${what} — expected an answer, got ${status}. Try again later, or look at the archive's log.`,
      );
      throw new Again(failure, retryAfterMs(response));
    }
    return { status, contentType: response.headers["content-type"] ?? "", body: answer };
  } catch (error) {
    response?.destroy();
    if (error instanceof DicomwebError || error instanceof Again) throw error;
    if (signal?.aborted === true) throw new DicomwebError("aborted", `${what} — stopped. Start it again to go on.`, { cause: error });
    const reason = timeout.aborted ? `none within ${timeoutMs} ms` : reasonOf(error);
    if (CERTIFICATE.test(reason)) {
      throw new DicomwebError(
        "network",
        `${what} — expected a certificate that can be checked, got one that cannot (${reason}). Name the certificate of the authority that signed it.`,
        { cause: error },
      );
    }
    throw new Again(
      new DicomwebError("network", `${what} — expected an answer, got ${reason}. Check the address and that the archive runs.`, {
        cause: error,
      }),
    );
  }
}

/** Codes of a certificate that is not trusted, is over, or names another host: another try meets it again. */
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/;

/** The system's code of a failed connection: ECONNREFUSED, DEPTH_ZERO_SELF_SIGNED_CERT, … */
function reasonOf(error: unknown): string {
  const code: unknown = error instanceof Error ? Reflect.get(error, "code") : undefined;
  return typeof code === "string" ? code : "a connection that broke";
}

/**
 * Sends a request, and again after 429, 5xx and broken connections.
 * @throws DicomwebError `network` or `unavailable` after the last try, `refused` for a redirect, `too_large`, `aborted`
 */
export async function send(request: ArchiveRequest, limits: RequestLimits): Promise<ArchiveAnswer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await once(request, limits);
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

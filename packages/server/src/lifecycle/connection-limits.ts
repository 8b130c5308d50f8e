// What a connection may take: every time-out set, because Fastify's and Node's defaults leave some off. And TLS, where files are named.

import { readFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { createSecureContext, type Server as TlsServer } from "node:tls";
import type { FastifyInstance } from "fastify";
import { ServerError } from "../errors.js";
import type { ServingOptions } from "../options.js";

/** Time for a request's headers: they fit in a few packets, so whoever takes longer holds a socket for its own sake. */
const HEADERS_MS = 10_000;
const KEEP_ALIVE_MS = 30_000;
const LEAST_TLS = "TLSv1.2";
const MAX_HEADER_BYTES = 16 * 1024;
/** requests on one connection before it is closed, so that balancers spread anew */
const REQUESTS_PER_SOCKET = 10_000;

export interface ConnectionLimits {
  readonly requestTimeout: number;
  readonly connectionTimeout: number;
  readonly keepAliveTimeout: number;
  readonly bodyLimit: number;
  readonly forceCloseConnections: "idle";
  readonly return503OnClosing: false;
  readonly http: HttpLimits;
  readonly https: (HttpLimits & { readonly cert: Buffer; readonly key: Buffer; readonly minVersion: typeof LEAST_TLS }) | null;
}

interface HttpLimits {
  readonly headersTimeout: number;
  readonly requestTimeout: number;
  readonly connectionsCheckingInterval: number;
  readonly maxHeaderSize: number;
  readonly insecureHTTPParser: false;
  readonly requireHostHeader: true;
}

/** Options for Fastify. @throws ServerError `bad_option` where TLS files cannot be read, or are no pair */
export async function connectionLimits(options: ServingOptions): Promise<ConnectionLimits> {
  const { requestTimeoutMs, maxBodyBytes, tlsCert, tlsKey } = options;
  const http: HttpLimits = {
    headersTimeout: Math.min(HEADERS_MS, requestTimeoutMs),
    requestTimeout: requestTimeoutMs,
    // half of the shortest limit: a slow client is cut at most so much late
    connectionsCheckingInterval: Math.max(50, Math.min(2000, requestTimeoutMs / 2)),
    maxHeaderSize: MAX_HEADER_BYTES,
    insecureHTTPParser: false,
    requireHostHeader: true,
  };
  const tls =
    tlsCert === undefined || tlsKey === undefined
      ? null
      : ({ ...http, ...(await certificate(tlsCert, tlsKey)), minVersion: LEAST_TLS } as const);
  return {
    requestTimeout: requestTimeoutMs,
    // an idle socket in the middle of an answer; longer than an answer may take
    connectionTimeout: requestTimeoutMs + 5000,
    keepAliveTimeout: KEEP_ALIVE_MS,
    bodyLimit: maxBodyBytes,
    forceCloseConnections: "idle",
    // what reached us while we stop is answered; the readiness probe keeps new work away
    return503OnClosing: false,
    http,
    https: tls,
  };
}

/**
 * Ends a connection with the answer to its last request. Node's own limit says so to the client but leaves the socket open, and answers what comes on
 * it with bare 503s for as long as it comes.
 */
export function limitRequestsPerSocket(app: FastifyInstance): void {
  const counts = new WeakMap<Socket, number>();
  app.addHook("onRequest", (request, reply, done) => {
    const { socket } = request.raw;
    const count = (counts.get(socket) ?? 0) + 1;
    counts.set(socket, count);
    if (count >= REQUESTS_PER_SOCKET) reply.header("connection", "close");
    done();
  });
}

/**
 * Reads the certificate's files again: new connections get it, those that are open live on.
 * @throws ServerError `bad_option` as at the start; the old one is then still shown
 */
export async function renewCertificate(
  app: FastifyInstance,
  { tlsCert, tlsKey }: Pick<ServingOptions, "tlsCert" | "tlsKey">,
): Promise<void> {
  if (tlsCert === undefined || tlsKey === undefined) return;
  const server = app.server as unknown as TlsServer;
  server.setSecureContext({ ...(await certificate(tlsCert, tlsKey)), minVersion: LEAST_TLS });
}

async function certificate(certFile: string, keyFile: string): Promise<{ readonly cert: Buffer; readonly key: Buffer }> {
  try {
    const [cert, key] = await Promise.all([readFile(certFile), readFile(keyFile)]);
    createSecureContext({ cert, key });
    return { cert, key };
  } catch (cause) {
    const why = (cause as Error).message.split("\n")[0];
    throw new ServerError("bad_option", `TLS — expected a PEM certificate chain and its key, got: ${why}. Correct the two files.`, {
      cause,
    });
  }
}

// What a connection may take: every time-out set, because Fastify's and Node's defaults leave some off. And TLS, where files are named.

import type { Socket } from "node:net";
import type { FastifyInstance } from "fastify";
import type { ServingOptions } from "../options.js";
import { type Certificate, readCertificate } from "./certificate.js";

/** Time for a request's headers: they fit in a few packets, so whoever takes longer holds a socket for its own sake. */
const HEADERS_MS = 10_000;
const KEEP_ALIVE_MS = 30_000;
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
  readonly https: (HttpLimits & Certificate) | null;
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
  const { requestTimeoutMs, maxBodyBytes } = options;
  const http: HttpLimits = {
    headersTimeout: Math.min(HEADERS_MS, requestTimeoutMs),
    requestTimeout: requestTimeoutMs,
    // half of the shortest limit: a slow client is cut at most so much late
    connectionsCheckingInterval: Math.max(50, Math.min(2000, requestTimeoutMs / 2)),
    maxHeaderSize: MAX_HEADER_BYTES,
    insecureHTTPParser: false,
    requireHostHeader: true,
  };
  const certificate = await readCertificate(options);
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
    https: certificate === undefined ? null : { ...http, ...certificate },
  };
}

/**
 * Ends a connection with the answer to its last request. Node's own limit says so to the client but leaves the socket open, and answers what comes on
 * it with bare 503s for as long as it comes.
 */
export function limitRequestsPerSocket(app: FastifyInstance): void {
  const counts = new WeakMap<Socket, number>();
  app.addHook("onRequest", (request, reply, done) => {
    const { socket, httpVersionMajor } = request.raw;
    // what is asked in this process has a connection of another protocol
    if (httpVersionMajor !== 1) return done();
    const count = (counts.get(socket) ?? 0) + 1;
    counts.set(socket, count);
    if (count >= REQUESTS_PER_SOCKET) reply.header("connection", "close");
    done();
  });
}

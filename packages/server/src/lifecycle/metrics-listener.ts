// Metrics on a port of their own: for a scraper that has no key, on an address that callers do not reach. It says nothing else.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Metrics } from "../metrics.js";
import { isLoopback, type ServingOptions } from "../options.js";
import { isOwnHost } from "./host-check.js";
import { addressError } from "./listen.js";

/** Where metrics are had, and what ends it. */
export interface MetricsListener {
  /** "http://127.0.0.1:9464/metrics" */
  readonly where: string;
  close(): Promise<void>;
}

/**
 * Listens where a metrics port is given.
 * @throws ServerError `port_in_use`, `bad_address`
 */
export async function listenForMetrics(
  metrics: Metrics,
  { metricsHost, metricsPort }: Pick<ServingOptions, "metricsHost" | "metricsPort">,
): Promise<MetricsListener | undefined> {
  if (metricsPort === undefined) return undefined;
  const server = createServer((request, response) => {
    const say = (status: number, type: string, text: string) => {
      response.writeHead(status, { "content-type": type, "cache-control": "no-store" });
      response.end(request.method === "HEAD" ? "" : text);
    };
    if (isLoopback(metricsHost) && !isOwnHost(request.headers.host)) return say(403, "text/plain", "expected localhost or an address\n");
    if (request.url !== "/metrics" || (request.method !== "GET" && request.method !== "HEAD"))
      return say(404, "text/plain", "expected GET /metrics\n");
    metrics.registry.metrics().then(
      (text) => say(200, metrics.registry.contentType, text),
      () => say(500, "text/plain", "no metrics\n"),
    );
  });
  server.requestTimeout = 10_000;
  server.headersTimeout = 5000;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(addressError(error, metricsPort, { port: "metrics-port", host: "metrics-host" })));
    server.listen(metricsPort, metricsHost, resolve);
  });
  server.unref();
  const { address, port, family } = server.address() as AddressInfo;
  return {
    where: `http://${family === "IPv6" ? `[${address}]` : address}:${port}/metrics`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

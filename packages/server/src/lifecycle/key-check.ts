// The keys of an app, asked for before a body is read, and what becomes of those who have none: counted by reason, and told to wait where too many
// wrong keys come from one address. Whoever has a right key passes whatever others at its address did: behind a proxy they share one.

import type { FastifyInstance, FastifyRequest } from "fastify";
import { type ApiKey, authorize, keyOf, tokenOf } from "../auth.js";
import { ServerError } from "../errors.js";
import type {} from "../fastify-types.js";
import type { AuthFailure, Metrics } from "../metrics.js";
import type { ServingOptions } from "../options.js";
import { addressGroup } from "./caller-addresses.js";

const WINDOW_MS = 60_000;
/** addresses remembered; the oldest are forgotten */
const MOST_ADDRESSES = 10_000;

/** Refuses who has no key, or not the right one. Routes without a scope are open. */
export function checkKeys(
  app: FastifyInstance,
  { authFailuresPerMinute }: Pick<ServingOptions, "authFailuresPerMinute">,
  keys: () => readonly ApiKey[],
  metrics: Metrics | undefined,
): void {
  const wrong = new WrongKeys(authFailuresPerMinute);
  app.addHook("onRequest", async (request) => {
    const { scope } = request.routeOptions.config;
    if (scope === undefined) return;
    const now = keys();
    try {
      request.keyName = authorize(request.headers, scope, now)?.name;
    } catch (error) {
      request.keyName = keyOf(request.headers, now)?.name;
      const reason: AuthFailure = request.keyName !== undefined ? "scope" : tokenOf(request.headers) === "" ? "missing" : "unknown";
      const waitSeconds = reason === "unknown" ? wrong.count(addressGroup(request.ip)) : 0;
      metrics?.authFailed(waitSeconds > 0 ? "limited" : reason);
      if (waitSeconds > 0)
        throw new ServerError(
          "rate_limited",
          "API key — expected fewer wrong ones from this address, got too many. Wait as Retry-After says.",
          {
            retryAfter: waitSeconds,
          },
        );
      throw error;
    }
  });
}

/** What a rate is counted by: the key that a request came with, else its address. */
export function callerOf(request: FastifyRequest): string {
  return request.keyName === undefined ? `address ${addressGroup(request.ip)}` : `key ${request.keyName}`;
}

/** Wrong keys by address, in windows of a minute. */
class WrongKeys {
  private readonly most: number;
  private readonly seen = new Map<string, { readonly since: number; count: number }>();

  /** @param most a minute; 0 for no limit */
  constructor(most: number) {
    this.most = most;
  }

  /** @returns seconds to wait where there were too many, else 0 */
  count(address: string): number {
    if (this.most === 0) return 0;
    const now = performance.now();
    let entry = this.seen.get(address);
    if (entry === undefined || now - entry.since >= WINDOW_MS) {
      this.seen.delete(address);
      entry = { since: now, count: 0 };
      this.seen.set(address, entry);
      const [oldest] = this.seen.keys();
      if (this.seen.size > MOST_ADDRESSES && oldest !== undefined) this.seen.delete(oldest);
    }
    entry.count++;
    return entry.count > this.most ? Math.max(1, Math.ceil((entry.since + WINDOW_MS - now) / 1000)) : 0;
  }
}

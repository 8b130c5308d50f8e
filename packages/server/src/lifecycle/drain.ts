// Stopping without dropping: not ready at once, while whoever has not heard of it is still answered; then no new connections, what is in flight is
// answered, connections end with their answer, then the engine and the process.

import type { Engine } from "@biovlm/engine";
import closeWithGrace from "close-with-grace";
import type { FastifyInstance } from "fastify";
import type { ServingOptions } from "../options.js";

/** Ends a server so that no request that was taken is lost. */
export interface Drain {
  /**
   * Idempotent. Resolves when nothing is left; at most `drainDelayMs` + `drainMs` and a little.
   * @param options.atOnce no balancer has to hear of it first: a person's Ctrl-C, or a server that was never ready
   */
  drain(options?: { readonly atOnce?: boolean }): Promise<void>;
}

/** Prepares an app for draining; call before it listens. */
export function drainable(
  app: FastifyInstance,
  engine: Engine,
  { drainDelayMs, drainMs }: Pick<ServingOptions, "drainDelayMs" | "drainMs">,
): Drain {
  let draining: Promise<void> | undefined;
  const inFlight = new Set<unknown>();
  let onQuiet: (() => void) | undefined;
  const ended = (request: unknown) => {
    if (inFlight.delete(request) && inFlight.size === 0) onQuiet?.();
  };
  app.addHook("onRequest", (request, reply, done) => {
    inFlight.add(request);
    reply.raw.once("close", () => ended(request));
    done();
  });
  app.addHook("onSend", (_request, reply, _payload, done) => {
    if (draining !== undefined) reply.header("connection", "close");
    done();
  });
  const stop = async (delayMs: number) => {
    engine.drain();
    if (delayMs > 0) await new Promise((done) => setTimeout(done, delayMs));
    const until = performance.now() + drainMs;
    const closing = app.close();
    closing.catch(() => {});
    if (inFlight.size > 0) {
      let timer: NodeJS.Timeout | undefined;
      await Promise.race([
        new Promise<void>((done) => {
          onQuiet = done;
        }),
        new Promise<void>((done) => {
          timer = setTimeout(done, drainMs);
        }),
      ]);
      clearTimeout(timer);
    }
    await engine.close(Math.max(0, until - performance.now()));
    // whoever still holds a socket now had its time
    app.server.closeAllConnections();
    await closing;
  };
  return {
    drain({ atOnce = false } = {}) {
      draining ??= stop(atOnce || !engine.readiness().ready ? 0 : drainDelayMs);
      return draining;
    },
  };
}

/**
 * Drains on SIGTERM and, without the delay, on SIGINT, and ends the process with 0; a second signal ends it at once. A fault that nobody caught is told, drained, and ends
 * it with 1.
 */
export function drainOnSignals(
  { drain }: Drain,
  { drainDelayMs, drainMs }: Pick<ServingOptions, "drainDelayMs" | "drainMs">,
  onFault: (error: Error) => void,
): void {
  closeWithGrace({ delay: drainDelayMs + drainMs + 3000, logger: false }, async ({ err, signal }) => {
    if (err !== undefined) onFault(err);
    await drain({ atOnce: signal !== "SIGTERM" });
  });
}

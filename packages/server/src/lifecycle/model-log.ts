// Models that come into memory and leave it, in the log: name, digest, how long it took, why. An error's message may name files, so its code alone.

import type { EngineObserver } from "@biovlm/engine";
import type { FastifyBaseLogger } from "fastify";

/** The same observer; the log is told too. */
export function loggedModels(observer: EngineObserver, logger: Pick<FastifyBaseLogger, "info" | "warn">): EngineObserver {
  return {
    ...observer,
    modelLoaded(model, digest, ms) {
      observer.modelLoaded(model, digest, ms);
      logger.info({ model, digest, ms: Math.round(ms) }, "model loaded");
    },
    modelUnloaded(model, digest, reason) {
      observer.modelUnloaded(model, digest, reason);
      logger.info({ model, digest, reason }, "model unloaded");
    },
    modelLoadFailed(model, code, error) {
      observer.modelLoadFailed(model, code, error);
      logger.warn({ model, code, err: error }, "model not loaded");
    },
  };
}

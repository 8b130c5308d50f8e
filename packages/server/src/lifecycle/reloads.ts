// What is renewed while a server runs: keys, a certificate, a bank. Files are looked at every two seconds, because mounted secrets change without a
// signal; SIGHUP renews all at once. What does not read, or does not fit, changes nothing: the old goes on, and log and metrics say so.

import { watchFiles } from "@biovlm/files/node";
import type { FastifyBaseLogger } from "fastify";
import type { Metrics } from "../metrics.js";

/** Something with files of its own that can be read again. */
export interface Renewable {
  /** as log and metrics name it */
  readonly what: "keys" | "certificate" | "bank";
  readonly files: readonly string[];
  /** Reads the files and puts what they hold in place of what was there. Rejects, and changes nothing, where it cannot. */
  renew(): Promise<void>;
}

/** Who is told. */
export interface ReloadListeners {
  readonly metrics?: Metrics | undefined;
  readonly logger?: Pick<FastifyBaseLogger, "info" | "warn">;
  /** Milliseconds between looks at the files. Default 2000. */
  readonly everyMs?: number;
}

/** Renews what changed from now on, and all of it when it is told to. */
export interface Reloads {
  /** Renews everything, changed or not; resolves when each has been tried. */
  reload(): Promise<void>;
  stop(): void;
}

/**
 * Remembers the files as they are now, so make it before they are first read.
 * @returns begins to look; what it is given then is told of every try
 */
export async function watchRenewables(renewables: readonly Renewable[]): Promise<(listeners: ReloadListeners) => Reloads> {
  const watched = await Promise.all(renewables.map(async (one) => ({ one, watch: await watchFiles(one.files) })));
  return ({ metrics, logger, everyMs = 2000 }) => {
    for (const { what } of renewables) metrics?.reloaded(what, "loaded");
    const renew = async ({ what, renew: again }: Renewable) => {
      try {
        await again();
        metrics?.reloaded(what, "loaded");
        logger?.info({ what }, "reloaded");
      } catch (error) {
        metrics?.reloaded(what, "refused");
        logger?.warn({ what, err: error }, "reload refused");
      }
    };
    // one after the other for each: a second change waits for the first
    const turns = watched.map(({ one, watch }) => {
      let last = Promise.resolve();
      return (always: boolean) => {
        last = last.then(async () => {
          const changed = await watch.changed();
          if (always || changed) await renew(one);
        });
        return last;
      };
    });
    // each by itself: a bank that takes minutes to compile does not keep a key that is gone
    const looking = new Set<(typeof turns)[number]>();
    const timer = setInterval(() => {
      for (const turn of turns) {
        if (looking.has(turn)) continue;
        looking.add(turn);
        void turn(false).finally(() => looking.delete(turn));
      }
    }, everyMs);
    timer.unref();
    const reload = async () => {
      await Promise.all(turns.map((turn) => turn(true)));
    };
    return { reload, stop: () => clearInterval(timer) };
  };
}

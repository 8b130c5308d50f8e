// Shard after shard, until all are committed: what a worker does that is told no shard. Any number of them work beside each other and know
// nothing of one another but the store: they begin at different places, and who meets another goes far away.

import { FilesError } from "@biovlm/files";
import type { Job } from "./job.js";
import type { JobStore } from "./job-store.js";
import { halfTurned, ordered } from "./shard-pieces.js";
import { openShards } from "./upkeep.js";
import { type ShardOutcome, workShard } from "./work.js";
import type { WorkOptions } from "./work-options.js";

/** What became of a shard that was worked on. */
export type WorkedShard =
  | { readonly shard: number; readonly outcome: ShardOutcome }
  /** a rejection of the work; the shard is left, the others are worked on */
  | { readonly shard: number; readonly error: unknown };

/** Codes of a store that takes nothing, or lets nobody in: it would be the same of every shard. */
const STORES: ReadonlySet<unknown> = new Set(["not_permitted", "refused"]);
const isStores = (error: unknown): boolean => error instanceof FilesError && STORES.has(error.code);

/**
 * Works on every shard that has no commit; each that fails is tried once.
 * @throws the signal's reason; what the store throws when it is asked for commits; FilesError `not_permitted`, `refused` of a store that lets nobody in
 */
export async function* workAll(store: JobStore, job: Job, options: WorkOptions): AsyncGenerator<WorkedShard, void, undefined> {
  const { turn = 0, signal } = options;
  let left = ordered(await openShards(store, job), turn);
  for (let shard = left.shift(); shard !== undefined; shard = left.shift()) {
    let alone = true;
    try {
      const outcome = await workShard(store, job, shard, {
        ...options,
        onPiece(rows, fresh) {
          alone &&= fresh;
          options.onPiece?.(rows, fresh);
        },
      });
      alone &&= outcome === "committed";
      yield { shard, outcome };
    } catch (error) {
      signal?.throwIfAborted();
      if (isStores(error)) throw error;
      yield { shard, error };
    }
    const open = new Set(await openShards(store, job));
    left = left.filter((other) => open.has(other));
    if (!alone) left = halfTurned(left);
  }
}

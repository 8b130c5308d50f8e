// Shard after shard, until all are committed: what a worker does that is told no shard. Any number of them work beside each other and know
// nothing of one another but the store: they begin at different places, leave what another has begun to the end, and who meets another goes far away.

import { FilesError } from "@biovlm/files";
import { begunKey, type Job } from "./job.js";
import type { JobStore } from "./job-store.js";
import { halfTurned, ordered } from "./shard-pieces.js";
import { openShards } from "./upkeep.js";
import { begunNote, type ShardOutcome, workShard } from "./work.js";
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
  for (let shard = await next(store, job, left); shard !== undefined; shard = await next(store, job, left)) {
    let alone = true;
    const taken = shard;
    left = left.filter((other) => other !== taken);
    try {
      const outcome = await workShard(store, job, shard, {
        ...options,
        onPiece(rows, fresh) {
          alone &&= fresh;
          options.onPiece?.(rows, fresh);
        },
      });
      alone &&= outcome === "committed";
      if (outcome === "present") await forget(store, shard);
      yield { shard, outcome };
    } catch (error) {
      signal?.throwIfAborted();
      await forget(store, shard);
      if (isStores(error)) throw error;
      yield { shard, error };
    }
    const open = new Set(await openShards(store, job));
    left = left.filter((other) => open.has(other));
    if (!alone) left = halfTurned(left);
  }
}

/**
 * The first shard that nobody has begun, noted as begun by this worker. Where there is none the first at all: its worker died, or there are more workers
 * than shards, and they share it.
 */
async function next(store: JobStore, job: Job, left: readonly number[]): Promise<number | undefined> {
  if (left.length < 2) return left[0];
  try {
    const begun = new Set(await store.list("begun"));
    for (const shard of left)
      if (!begun.has(begunKey(shard).slice("begun/".length)) && (await store.create(begunKey(shard), begunNote(job, shard)))) return shard;
  } catch {
    // without notes more is done twice, and nothing else
  }
  return left[0];
}

/** Takes back the note of a shard on which there was nothing to do, or nothing to be done. */
const forget = (store: JobStore, shard: number): Promise<void> => store.remove(begunKey(shard)).catch(() => {});

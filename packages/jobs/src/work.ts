// One shard at a time: rows of the plan → chunks → parts → the commit. What is committed is left alone, so any number of workers, in any order
// and killed at any moment, give each shard once. What is done of a shard is kept in the store (shard-pieces.ts). What embeds the rows is handed in.

import { commitShard, readCommit } from "./commit.js";
import { JobsError } from "./errors.js";
import { begunKey, failureKey, type Job, type JobFacts, readShard } from "./job.js";
import type { JobStore } from "./job-store.js";
import { noteFailure } from "./shard-failures.js";
import { shardPieces } from "./shard-pieces.js";
import type { WorkOptions } from "./work-options.js";

/** What became of a shard. */
export type ShardOutcome = "committed" | "present" | "lost";

/**
 * Works on one shard. "present": it was committed before, nothing is done; "lost": another worker committed it meanwhile.
 * A rejection is noted in `failed/NNNNN.json` for `bulk status`, and handed on: who handed out the shard may try again. While it works `begun/NNNNN.json` is
 * there, and stays where the process is killed.
 */
export async function workShard(store: JobStore, job: Job, shard: number, options: WorkOptions): Promise<ShardOutcome> {
  const { join, signal } = options;
  signal?.throwIfAborted();
  const rows = await readShard(store, job, shard);
  if ((await readCommit(store, job, shard)) !== undefined) return "present";
  // notes are for `bulk status`: the work does not fail where the store takes none
  await store.put(begunKey(shard), begunNote(job, shard)).catch(() => {});
  try {
    const done = await shardPieces(store, job, shard, rows, options);
    if (done === undefined) return "lost";
    const result = await join(done.pieces, rows, shard);
    if (result.rows + result.failed.length !== rows.length) {
      throw new JobsError(
        "bad_argument",
        `part — expected ${rows.length} rows, embedded or failed, got ${result.rows} and ${result.failed.length}. Correct the caller.`,
      );
    }
    signal?.throwIfAborted();
    const made = await commitShard(store, job, shard, result);
    // what is left of this is garbage: the commit stands
    await store.remove(failureKey(shard)).catch(() => {});
    await done.clear();
    return made ? "committed" : "lost";
  } catch (error) {
    signal?.throwIfAborted();
    await noteFailure(store, job, shard, error);
    throw error;
  } finally {
    await store.remove(begunKey(shard)).catch(() => {});
  }
}

/** What stands in `begun/NNNNN.json`. */
export const begunNote = (job: Job, shard: number): Uint8Array => new TextEncoder().encode(`${JSON.stringify({ job: job.id, shard })}\n`);

/** @throws JobsError `job_differs`, naming the first fact in which this worker is another */
export function checkFacts(job: Job, facts: JobFacts): void {
  for (const name of new Set([...Object.keys(job.facts), ...Object.keys(facts)])) {
    const [expected, got] = [job.facts[name], facts[name]];
    if (expected !== got) {
      throw new JobsError("job_differs", `${name} — expected ${expected} as planned, got ${got}. Work with the options of the plan.`);
    }
  }
}

const ENGINE_VARIABLES = ["SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX"] as const;

/**
 * The shard that `--shard` means: a number, or for "auto" what a Slurm array or a Kubernetes Indexed Job says in its variable.
 * @throws JobsError `bad_option`
 */
export function chosenShard(given: string, env: Readonly<Record<string, string | undefined>>): number {
  const variable = given === "auto" ? ENGINE_VARIABLES.find((name) => env[name] !== undefined) : undefined;
  if (given === "auto" && variable === undefined) {
    throw new JobsError(
      "bad_option",
      `--shard auto — expected ${ENGINE_VARIABLES.join(" or ")}, got neither. Start it from a Slurm array or an Indexed Job, name a shard, or work on all (--all).`,
    );
  }
  const text = variable === undefined ? given : (env[variable] ?? "");
  if (!/^\d{1,9}$/.test(text)) {
    throw new JobsError(
      "bad_option",
      `${variable ?? "--shard"} — expected a whole number or auto, got ${JSON.stringify(text)}. Correct it.`,
    );
  }
  return Number(text);
}

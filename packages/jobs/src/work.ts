// One shard at a time: rows of the plan → a part → its commit. What is committed is left alone, so any number of workers, in any order and
// killed at any moment, give each shard once. What embeds the rows is handed in.

import { commitShard, readCommit, type ShardResult } from "./commit.js";
import { JobsError } from "./errors.js";
import { failureKey, type Job, type JobFacts, type PlanRow, readShard } from "./job.js";
import type { JobStore } from "./job-store.js";

/** What became of a shard. */
export type ShardOutcome = "committed" | "present" | "lost";

/** What embeds a shard's rows, and what stops it. */
export interface WorkOptions {
  /**
   * Rows of one shard → its part. Must give the same bytes for the same rows: batches are made within the shard. An image that cannot be
   * read is a row of `failed`, never a rejection.
   */
  readonly embed: (rows: readonly PlanRow[], shard: number) => Promise<ShardResult>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Works on one shard. "present": it was committed before, nothing is done; "lost": another worker committed it meanwhile.
 * A rejection of `embed` is noted in `failed/NNNNN.json` for `bulk status`, and handed on: who handed out the shard may try again.
 */
export async function workShard(store: JobStore, job: Job, shard: number, { embed, signal }: WorkOptions): Promise<ShardOutcome> {
  signal?.throwIfAborted();
  const rows = await readShard(store, job, shard);
  if ((await readCommit(store, job, shard)) !== undefined) return "present";
  try {
    const result = await embed(rows, shard);
    if (result.rows + result.failed.length !== rows.length) {
      throw new JobsError(
        "bad_argument",
        `part — expected ${rows.length} rows, embedded or failed, got ${result.rows} and ${result.failed.length}. Correct the caller.`,
      );
    }
    signal?.throwIfAborted();
    const made = await commitShard(store, job, shard, result);
    await store.remove(failureKey(shard));
    return made ? "committed" : "lost";
  } catch (error) {
    signal?.throwIfAborted();
    const code: unknown = error instanceof Error ? Reflect.get(error, "code") : undefined;
    const note = { job: job.id, shard, code: typeof code === "string" ? code : "internal_error" };
    // the reason of the shard matters more than one of the store that takes no note of it
    await store.put(failureKey(shard), new TextEncoder().encode(`${JSON.stringify(note)}\n`)).catch(() => {});
    throw error;
  }
}

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
 * @throws JobsError `bad_argument`
 */
export function chosenShard(given: string, env: Readonly<Record<string, string | undefined>>): number {
  const variable = given === "auto" ? ENGINE_VARIABLES.find((name) => env[name] !== undefined) : undefined;
  if (given === "auto" && variable === undefined) {
    throw new JobsError(
      "bad_argument",
      `--shard auto — expected ${ENGINE_VARIABLES.join(" or ")}, got neither. Start it from a Slurm array or an Indexed Job, or name a shard.`,
    );
  }
  const text = variable === undefined ? given : (env[variable] ?? "");
  if (!/^\d{1,9}$/.test(text)) {
    throw new JobsError(
      "bad_argument",
      `${variable ?? "--shard"} — expected a whole number or auto, got ${JSON.stringify(text)}. Correct it.`,
    );
  }
  return Number(text);
}

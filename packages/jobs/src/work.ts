// One shard at a time: rows of the plan → chunks → parts → the commit. What is committed is left alone, so any number of workers, in any order
// and killed at any moment, give each shard once. A chunk that is done is kept in the store: who comes after a kill, or beside another worker,
// takes it from there. What embeds the rows is handed in.

import { commitShard, readCommit, type ShardResult } from "./commit.js";
import { JobsError } from "./errors.js";
import { begunKey, checkpointKey, failureKey, type Job, type JobFacts, type PlanRow, readShard, sha256Of } from "./job.js";
import type { JobStore } from "./job-store.js";

/** What became of a shard. */
export type ShardOutcome = "committed" | "present" | "lost";

/** What embeds a shard's rows, and what stops it. */
export interface WorkOptions {
  /** rows of a chunk; every worker of a job has the same */
  readonly chunkRows: number;
  /**
   * Rows of one chunk → bytes that `join` understands. Must give the same bytes for the same rows: batches are made within the chunk. An image
   * that cannot be read is told in those bytes, never by a rejection.
   */
  readonly embed: (rows: readonly PlanRow[], place: { readonly shard: number; readonly first: number }) => Promise<Uint8Array>;
  /** All chunks of a shard, in order → its parts. */
  readonly join: (chunks: readonly Uint8Array[], rows: readonly PlanRow[], shard: number) => Promise<ShardResult>;
  /** Told after each chunk: its rows, and whether they were embedded now or lay in the store. */
  readonly onChunk?: (rows: number, fresh: boolean) => void;
  /** Any whole number that differs between workers: each begins at another place, so that two on one shard share it. Default 0. */
  readonly turn?: number;
  readonly signal?: AbortSignal | undefined;
}

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
  const note = (more: object) => new TextEncoder().encode(`${JSON.stringify({ job: job.id, shard, ...more })}\n`);
  // notes are for `bulk status`: the work does not fail where the store takes none
  await store.put(begunKey(shard), note({})).catch(() => {});
  try {
    const chunks = await chunksOf(store, job, shard, rows, options);
    if (chunks === undefined) return "lost";
    const result = await join(chunks, rows, shard);
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
    if (chunks.length > 1) for (const chunk of chunks.keys()) await store.remove(checkpointKey(shard, chunk)).catch(() => {});
    return made ? "committed" : "lost";
  } catch (error) {
    signal?.throwIfAborted();
    const code: unknown = error instanceof Error ? Reflect.get(error, "code") : undefined;
    await store.put(failureKey(shard), note({ code: typeof code === "string" ? code : "internal_error" })).catch(() => {});
    throw error;
  } finally {
    await store.remove(begunKey(shard)).catch(() => {});
  }
}

/** Every chunk of the shard, embedded here or taken from the store; undefined where another worker commits the shard meanwhile. */
async function chunksOf(
  store: JobStore,
  job: Job,
  shard: number,
  rows: readonly PlanRow[],
  { chunkRows, embed, onChunk, turn = 0, signal }: WorkOptions,
): Promise<Uint8Array[] | undefined> {
  if (!Number.isSafeInteger(chunkRows) || chunkRows < 1)
    throw new JobsError("bad_argument", `rows of a chunk — expected a whole number from 1, got ${chunkRows}. Correct the call.`);
  const count = Math.ceil(rows.length / chunkRows);
  const chunks = new Array<Uint8Array>(count);
  let missing = ordered([...chunks.keys()], turn);
  for (let chunk = missing.shift(); chunk !== undefined; chunk = missing.shift()) {
    signal?.throwIfAborted();
    const some = rows.slice(chunk * chunkRows, (chunk + 1) * chunkRows);
    const kept = count === 1 ? undefined : await readCheckpoint(store, job, shard, chunk);
    const bytes = kept ?? (await embed(some, { shard, first: chunk * chunkRows }));
    chunks[chunk] = bytes;
    signal?.throwIfAborted();
    onChunk?.(some.length, kept === undefined);
    if (kept !== undefined || count === 1) continue;
    const file = sealed(job, shard, chunk, bytes);
    if (!(await store.create(checkpointKey(shard, chunk), file))) {
      // the same chunk at the same time as another worker: go on far from it. Else it is a torn one
      if ((await readCheckpoint(store, job, shard, chunk)) !== undefined) missing = halfTurned(missing);
      else await store.put(checkpointKey(shard, chunk), file);
    }
    if (missing.length > 0 && (await readCommit(store, job, shard)) !== undefined) return undefined;
  }
  return chunks;
}

/** Half of all workers go forward and half backward, from different places. */
export function ordered<T>(items: readonly T[], turn: number): T[] {
  const from = Math.floor(turn / 2) % Math.max(1, items.length);
  const turned = [...items.slice(from), ...items.slice(0, from)];
  return turn % 2 === 0 ? turned : turned.reverse();
}

/** The second half before the first. */
export function halfTurned<T>(items: readonly T[]): T[] {
  const half = items.length >> 1;
  return [...items.slice(half), ...items.slice(0, half)];
}

const SEAL_BYTES = 32;

const sealOf = (job: Job, shard: number, chunk: number, bytes: Uint8Array): Buffer =>
  Buffer.from(sha256Of(Buffer.concat([Buffer.from(`${job.id} ${shard} ${chunk}\n`), bytes])), "hex");

/** Behind a digest of what it is of: a torn one, and one of another job, counts as none. */
const sealed = (job: Job, shard: number, chunk: number, bytes: Uint8Array): Uint8Array =>
  Buffer.concat([sealOf(job, shard, chunk, bytes), bytes]);

async function readCheckpoint(store: JobStore, job: Job, shard: number, chunk: number): Promise<Uint8Array | undefined> {
  const file = await store.get(checkpointKey(shard, chunk));
  if (file === undefined || file.length < SEAL_BYTES) return undefined;
  const bytes = file.subarray(SEAL_BYTES);
  return sealOf(job, shard, chunk, bytes).equals(file.subarray(0, SEAL_BYTES)) ? bytes : undefined;
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
 * @throws JobsError `bad_option`
 */
export function chosenShard(given: string, env: Readonly<Record<string, string | undefined>>): number {
  const variable = given === "auto" ? ENGINE_VARIABLES.find((name) => env[name] !== undefined) : undefined;
  if (given === "auto" && variable === undefined) {
    throw new JobsError(
      "bad_option",
      `--shard auto — expected ${ENGINE_VARIABLES.join(" or ")}, got neither. Start it from a Slurm array or an Indexed Job, or name a shard.`,
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

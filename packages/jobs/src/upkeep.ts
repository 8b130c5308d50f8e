// How far a job is, whether its parts are what was committed, one manifest of them, and what may be thrown away. Reads commits only: a part
// without one does not exist.

import { inOrder } from "@biovlm/files";
import { type Commit, readCommit } from "./commit.js";
import { JobsError } from "./errors.js";
import { PROBE } from "./folder-store.js";
import { commitKey, failureKey, type Job, readShard, sha256Of } from "./job.js";
import type { JobStore } from "./job-store.js";
import { readFailures, type ShardFailure } from "./shard-failures.js";

/** How far a job is: counts of shards and rows, bytes. */
export interface JobStatus {
  readonly job: string;
  readonly shards: { readonly total: number; readonly committed: number; readonly failed: number };
  readonly rows: { readonly total: number; readonly embedded: number; readonly failed: number };
  /** shards that were begun and have neither ended nor been committed since: worked on now, or their worker was killed */
  readonly begun: readonly number[];
  /** shards without a commit that failed, by number, with the code of their last failure */
  readonly failures: readonly ShardFailure[];
  /** bytes of the committed parts */
  readonly bytes: number;
  /** shards whose commit is not what a worker wrote: they count as nothing else until it is removed and they are worked on again */
  readonly damaged: readonly number[];
}

/** Counts commits and failures. A shard that failed and was committed later counts as committed. */
export async function jobStatus(store: JobStore, job: Job): Promise<JobStatus> {
  let [embedded, failedRows, bytes, committed] = [0, 0, 0, 0];
  const damaged: number[] = [];
  for await (const { shard, commit } of readCommits(store, job)) {
    if (commit === undefined) damaged.push(shard);
    if (commit === undefined) continue;
    committed++;
    embedded += commit.rows;
    failedRows += commit.failed.length;
    bytes += commit.parts.reduce((sum, part) => sum + part.bytes, 0);
  }
  const done = new Set(await store.list("commits"));
  const failures = await readFailures(store, job, done);
  const begun = (await store.list("begun"))
    .filter((name) => !done.has(name))
    .map((name) => Number.parseInt(name, 10))
    .filter((shard) => Object.hasOwn(job.shards, shard))
    .sort((a, b) => a - b);
  const total = job.shards.reduce((sum, { rows }) => sum + rows, 0);
  return {
    job: job.id,
    shards: { total: job.shards.length, committed, failed: failures.length },
    rows: { total, embedded, failed: failedRows },
    begun,
    failures,
    bytes,
    damaged,
  };
}

const nameOf = (key: string): string => key.slice(key.indexOf("/") + 1);

/** Reads of a store at once, where the store may be far away. */
const READS_AT_ONCE = 16;

/** Shards that have a commit, in order. */
async function committedShards(store: JobStore, job: Job): Promise<number[]> {
  const present = new Set(await store.list("commits"));
  return [...job.shards.keys()].filter((shard) => present.has(nameOf(commitKey(shard))));
}

/** The job's commits, in the order of shards; only those that are there are asked for. */
async function* commitsOf(store: JobStore, job: Job): AsyncGenerator<Commit> {
  for await (const commit of inOrder(await committedShards(store, job), READS_AT_ONCE, (shard) => readCommit(store, job, shard)))
    if (commit !== undefined) yield commit;
}

/** As `commitsOf`, and shards whose commit is none that a worker wrote without one. */
async function* readCommits(store: JobStore, job: Job): AsyncGenerator<{ readonly shard: number; readonly commit?: Commit }> {
  const read = async (shard: number) => {
    try {
      const commit = await readCommit(store, job, shard);
      return commit === undefined ? undefined : { shard, commit };
    } catch (error) {
      if (error instanceof JobsError && error.code === "integrity") return { shard };
      throw error;
    }
  };
  for await (const found of inOrder(await committedShards(store, job), READS_AT_ONCE, read)) if (found !== undefined) yield found;
}

/** Shards that have no commit, in order. */
export async function openShards(store: JobStore, job: Job): Promise<number[]> {
  const done = new Set(await committedShards(store, job));
  return [...job.shards.keys()].filter((shard) => !done.has(shard));
}

/** Shards that have neither a commit nor a note that they failed, in order: not begun, worked on, or their worker died. */
export async function unendedShards(store: JobStore, job: Job): Promise<number[]> {
  const failed = new Set(await store.list("failed"));
  return (await openShards(store, job)).filter((shard) => !failed.has(nameOf(failureKey(shard))));
}

/** Shards that failed, named one by one for Prometheus: more are counted by their codes alone. */
const NAMED_FAILURES = 100;

/** The status in Prometheus' text format, for a node exporter's textfile collector. */
export function prometheusText({ job, shards, rows, begun, failures, bytes, damaged }: JobStatus): string {
  const series = (name: string, help: string, values: readonly (readonly [labels: string, value: number])[]) => [
    `# HELP biovlm_bulk_${name} ${help}`,
    `# TYPE biovlm_bulk_${name} gauge`,
    ...values.map(([labels, value]) => `biovlm_bulk_${name}{job="${job.slice(0, 16)}",${labels}} ${value}`),
  ];
  const gauge = (name: string, help: string, values: Readonly<Record<string, number>>) =>
    series(
      name,
      help,
      Object.entries(values).map(([state, value]) => [`state="${state}"`, value]),
    );
  const codes = new Map<string, number>();
  for (const { code } of failures) codes.set(code, (codes.get(code) ?? 0) + 1);
  const missing = shards.total - shards.committed - shards.failed - damaged.length;
  const left = rows.total - rows.embedded - rows.failed;
  return [
    ...gauge("shards", "Shards of the job by state.", {
      committed: shards.committed,
      failed: shards.failed,
      damaged: damaged.length,
      waiting: missing,
    }),
    ...gauge("shards_begun", "Shards begun without an end: worked on, or their worker was killed.", { open: begun.length }),
    ...series(
      "shards_failed",
      "Shards without a commit that failed, by the code of their last failure.",
      [...codes].map(([code, count]) => [`code="${code}"`, count]),
    ),
    ...series(
      "shard_failures",
      `Times that a shard without a commit failed; the first ${NAMED_FAILURES} of them, 0 where that is not known.`,
      failures
        .slice(0, NAMED_FAILURES)
        .map(({ shard, code, tries = 0, givenUp }) => [`shard="${shard}",code="${code}",given_up="${givenUp}"`, tries]),
    ),
    ...gauge("rows", "Rows of the job by state.", { embedded: rows.embedded, failed: rows.failed, waiting: left }),
    ...gauge("part_bytes", "Bytes of parts by state.", { committed: bytes }),
    "",
  ].join("\n");
}

/** A fault that verification found. */
export interface JobFault {
  readonly shard: number;
  readonly key: string;
  readonly fault: string;
}

/**
 * Rehashes every plan and every committed part; all faults, none where the store is whole.
 * @param onShard told after each shard
 */
export async function verifyJob(
  store: JobStore,
  job: Job,
  { signal, onShard }: { readonly signal?: AbortSignal | undefined; readonly onShard?: () => void } = {},
): Promise<JobFault[]> {
  const faults: JobFault[] = [];
  const tried = async (shard: number, key: string, work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof JobsError)) throw error;
      faults.push({ shard, key, fault: error.message });
    }
  };
  for (const shard of job.shards.keys()) {
    signal?.throwIfAborted();
    await tried(shard, "plan", async () => void (await readShard(store, job, shard)));
    await tried(shard, commitKey(shard), async () => {
      const commit = await readCommit(store, job, shard);
      if (commit === undefined) return;
      for (const { key, sha256 } of commit.parts) {
        const part = await store.get(key);
        if (part === undefined || sha256Of(part) !== sha256) throw tornPart(key, shard);
      }
    });
    onShard?.();
  }
  return faults;
}

/** The work can be done again, and gives the same part. */
function tornPart(key: string, shard: number): JobsError {
  return new JobsError(
    "integrity",
    `${key} — expected what the job wrote, got something else or nothing. Restore it from a copy, or remove ${commitKey(shard)} and work on the shard again.`,
  );
}

/**
 * Writes `manifest.json`: the parts in the order of shards, with digests and counts. Nothing is copied.
 * @throws JobsError `incomplete` while shards are missing
 */
export async function mergeJob(store: JobStore, job: Job): Promise<readonly Commit[]> {
  const parts: Commit[] = [];
  for await (const commit of commitsOf(store, job)) parts.push(commit);
  if (parts.length < job.shards.length) {
    throw new JobsError(
      "incomplete",
      `merge — expected ${job.shards.length} committed shards, got ${parts.length}. Work on the others first.`,
    );
  }
  const manifest = { format: "biovlm-parts/1", job: job.id, rows: parts.reduce((sum, { rows }) => sum + rows, 0), facts: job.facts, parts };
  await store.put("manifest.json", new TextEncoder().encode(`${JSON.stringify(manifest)}\n`));
  return parts;
}

/**
 * Removes what committed shards no longer need: parts that are not the committed ones, which a worker left that lost, checkpoints and notes. What
 * belongs to other shards stays, since a worker may be about to commit it. Returns the keys.
 */
export async function collectGarbage(store: JobStore, job: Job): Promise<string[]> {
  const kept = new Map<number, readonly string[]>();
  // parts of a damaged commit may be what it named
  for await (const { shard, commit } of readCommits(store, job))
    if (commit !== undefined)
      kept.set(
        shard,
        commit.parts.map(({ key }) => key),
      );
  const removed: string[] = [];
  for (const below of ["parts", "partial", "begun"]) {
    for (const name of await store.list(below)) {
      const key = `${below}/${name}`;
      const parts = kept.get(Number(/^\d+/.exec(name)?.[0] ?? Number.NaN));
      if (!name.startsWith(PROBE) && (parts === undefined || parts.includes(key))) continue;
      await store.remove(key);
      removed.push(key);
    }
  }
  return removed;
}

// How far a job is, whether its parts are what was committed, one manifest of them, and what may be thrown away. Reads commits only: a part
// without one does not exist.

import { type Commit, readCommit } from "./commit.js";
import { JobsError } from "./errors.js";
import { commitKey, failureKey, type Job, readShard, sha256Of, torn } from "./job.js";
import type { JobStore } from "./job-store.js";

/** How far a job is: counts of shards and rows, bytes. */
export interface JobStatus {
  readonly job: string;
  readonly shards: { readonly total: number; readonly committed: number; readonly failed: number };
  readonly rows: { readonly total: number; readonly embedded: number; readonly failed: number };
  /** bytes of the committed parts */
  readonly bytes: number;
}

/** Counts commits and failures. A shard that failed and was committed later counts as committed. */
export async function jobStatus(store: JobStore, job: Job): Promise<JobStatus> {
  let [embedded, failedRows, bytes, committed] = [0, 0, 0, 0];
  for await (const commit of commitsOf(store, job)) {
    committed++;
    embedded += commit.rows;
    failedRows += commit.failed.length;
    bytes += commit.bytes;
  }
  const done = new Set(await store.list("commits"));
  const noted = await store.list("failed");
  const failed = job.shards.filter((_, shard) => noted.includes(nameOf(failureKey(shard))) && !done.has(nameOf(commitKey(shard)))).length;
  const total = job.shards.reduce((sum, { rows }) => sum + rows, 0);
  return {
    job: job.id,
    shards: { total: job.shards.length, committed, failed },
    rows: { total, embedded, failed: failedRows },
    bytes,
  };
}

const nameOf = (key: string): string => key.slice(key.indexOf("/") + 1);

/** The job's commits, in the order of shards; only those that are there are asked for. */
async function* commitsOf(store: JobStore, job: Job): AsyncGenerator<Commit> {
  const present = new Set(await store.list("commits"));
  for (const shard of job.shards.keys()) {
    if (!present.has(nameOf(commitKey(shard)))) continue;
    const commit = await readCommit(store, job, shard);
    if (commit !== undefined) yield commit;
  }
}

/** The status in Prometheus' text format, for a node exporter's textfile collector. */
export function prometheusText({ job, shards, rows, bytes }: JobStatus): string {
  const gauge = (name: string, help: string, values: Readonly<Record<string, number>>) => [
    `# HELP biovlm_bulk_${name} ${help}`,
    `# TYPE biovlm_bulk_${name} gauge`,
    ...Object.entries(values).map(([state, value]) => `biovlm_bulk_${name}{job="${job.slice(0, 16)}",state="${state}"} ${value}`),
  ];
  const missing = shards.total - shards.committed - shards.failed;
  const left = rows.total - rows.embedded - rows.failed;
  return [
    ...gauge("shards", "Shards of the job by state.", { committed: shards.committed, failed: shards.failed, waiting: missing }),
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

/** Rehashes every plan and every committed part; all faults, none where the store is whole. */
export async function verifyJob(store: JobStore, job: Job, signal?: AbortSignal): Promise<JobFault[]> {
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
      const part = await store.get(commit.part);
      if (part === undefined || sha256Of(part) !== commit.sha256) throw torn(commit.part);
    });
  }
  return faults;
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
 * Removes parts of committed shards that are not the committed one: what a worker left that lost. Parts of other shards stay, since a worker
 * may be about to commit them. Returns the keys.
 */
export async function collectGarbage(store: JobStore, job: Job): Promise<string[]> {
  const kept = new Map<number, string>();
  for await (const { shard, part } of commitsOf(store, job)) kept.set(shard, part);
  const removed: string[] = [];
  for (const name of await store.list("parts")) {
    const key = `parts/${name}`;
    const part = kept.get(Number(/^\d+/.exec(name)?.[0] ?? Number.NaN));
    if (part === undefined || part === key) continue;
    await store.remove(key);
    removed.push(key);
  }
  return removed;
}

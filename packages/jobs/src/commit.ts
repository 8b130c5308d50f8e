// A shard's commit: the one file that makes its parts count. Made by a conditional create, so that of two workers one wins and the other's parts
// are left for gc. It holds nothing of who or when: the same work gives the same bytes.

import { isJsonObject, type Json } from "@biovlm/files";
import { JobsError } from "./errors.js";
import { commitKey, isCount, isDigest, type Job, parsedObject, sha256Of, shardName } from "./job.js";
import type { JobStore } from "./job-store.js";

/** A row that gave nothing but a code. */
export interface FailedRow {
  /** place in the shard, from 0 */
  readonly row: number;
  /** the stable code of its error */
  readonly code: string;
}

/** A file that a shard gave. */
export interface Part {
  readonly key: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** What a commit says of its shard. */
export interface Commit {
  readonly shard: number;
  readonly parts: readonly Part[];
  /** rows that gave a result; with `failed` they are the shard's rows */
  readonly rows: number;
  readonly failed: readonly FailedRow[];
}

/** What the work on a shard gives. */
export interface ShardResult {
  /** one file of each ending, which has no dot: "safetensors" */
  readonly parts: readonly { readonly bytes: Uint8Array; readonly ending: string }[];
  readonly rows: number;
  readonly failed: readonly FailedRow[];
}

/** Stores each part under its digest, then commits them together. True where this call made the commit, false where there was one. */
export async function commitShard(store: JobStore, job: Job, shard: number, result: ShardResult): Promise<boolean> {
  const parts: Part[] = [];
  for (const { bytes, ending } of result.parts) {
    const sha256 = sha256Of(bytes);
    const key = `parts/${shardName(shard)}.${sha256}.${ending}`;
    await store.put(key, bytes);
    parts.push({ key, sha256, bytes: bytes.length });
  }
  const commit = { job: job.id, shard, parts, rows: result.rows, failed: result.failed };
  return store.create(commitKey(shard), new TextEncoder().encode(`${JSON.stringify(commit)}\n`));
}

/**
 * The shard's commit, or undefined where there is none.
 * @throws JobsError `integrity` for one that is not of this job and shard
 */
export async function readCommit(store: JobStore, job: Job, shard: number): Promise<Commit | undefined> {
  const key = commitKey(shard);
  const file = await store.get(key);
  if (file === undefined) return undefined;
  const { job: id, shard: of, parts, rows, failed } = parsedObject(file, key, torn);
  if (id !== job.id || of !== shard || !Array.isArray(parts) || !isCount(rows)) throw torn(key);
  if (!Array.isArray(failed) || rows + failed.length !== job.shards[shard]?.rows) throw torn(key);
  const failures = failed.map((entry): FailedRow => {
    if (!isJsonObject(entry) || !isCount(entry["row"]) || typeof entry["code"] !== "string") throw torn(key);
    return { row: entry["row"], code: entry["code"] };
  });
  return { shard, parts: parts.map((entry) => partOf(entry, key)), rows, failed: failures };
}

function partOf(entry: Json, commit: string): Part {
  if (!isJsonObject(entry)) throw torn(commit);
  const { key, sha256, bytes } = entry;
  if (typeof key !== "string" || !key.startsWith("parts/") || !isDigest(sha256) || !isCount(bytes)) throw torn(commit);
  return { key, sha256, bytes };
}

/** The work can be done again, and gives the same commit. */
function torn(key: string, cause?: unknown): JobsError {
  return new JobsError(
    "integrity",
    `${key} — expected what a worker of this job wrote, got something else. Restore it from a copy, or remove it and work on the shard again.`,
    cause === undefined ? {} : { cause },
  );
}

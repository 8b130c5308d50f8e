// A shard's commit: the one file that makes a part count. Made by a conditional create, so that of two workers one wins and the other's part
// is left for gc. It holds nothing of who or when: the same work gives the same bytes.

import { isJsonObject } from "@biovlm/files";
import { commitKey, isCount, isDigest, type Job, parsedObject, sha256Of, shardName, torn } from "./job.js";
import type { JobStore } from "./job-store.js";

/** A row that gave no embedding. */
export interface FailedRow {
  /** place in the shard, from 0 */
  readonly row: number;
  /** the stable code of its error */
  readonly code: string;
}

/** What a commit says of its shard. */
export interface Commit {
  readonly shard: number;
  /** key of the part */
  readonly part: string;
  readonly sha256: string;
  readonly bytes: number;
  /** rows embedded; with `failed` they are the shard's rows */
  readonly rows: number;
  readonly failed: readonly FailedRow[];
}

/** What the work on a shard gives. */
export interface ShardResult {
  readonly bytes: Uint8Array;
  /** of the part's file, without a dot: "safetensors" */
  readonly ending: string;
  readonly rows: number;
  readonly failed: readonly FailedRow[];
}

/** Stores the part under its digest, then commits it. True where this call made the commit, false where there was one. */
export async function commitShard(store: JobStore, job: Job, shard: number, result: ShardResult): Promise<boolean> {
  const sha256 = sha256Of(result.bytes);
  const part = `parts/${shardName(shard)}.${sha256}.${result.ending}`;
  await store.put(part, result.bytes);
  const commit = { job: job.id, shard, part, sha256, bytes: result.bytes.length, rows: result.rows, failed: result.failed };
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
  const { job: id, shard: of, part, sha256, bytes, rows, failed } = parsedObject(file, key);
  if (id !== job.id || of !== shard || typeof part !== "string" || !isDigest(sha256) || !isCount(bytes) || !isCount(rows)) throw torn(key);
  if (!Array.isArray(failed) || rows + failed.length !== job.shards[shard]?.rows) throw torn(key);
  const failures = failed.map((entry): FailedRow => {
    if (!isJsonObject(entry) || !isCount(entry["row"]) || typeof entry["code"] !== "string") throw torn(key);
    return { row: entry["row"], code: entry["code"] };
  });
  return { shard, part, sha256, bytes, rows, failed: failures };
}

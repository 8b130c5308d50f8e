// A stream of rows → the shards of a job in its store. One shard is held at a time, whatever the number of rows. Plans are packed by gzip,
// which every Node of the workers reads; digests are of the unpacked lines. job.json comes last and is made once: a store holds one job.

import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { JobsError } from "./errors.js";
import {
  isUriBelow,
  type Job,
  type JobFacts,
  jobOf,
  MAX_PLAN_BYTES,
  type PlanFile,
  type PlanRow,
  planKey,
  type ShardEntry,
  sha256Of,
  writeJob,
} from "./job.js";
import type { JobStore } from "./job-store.js";

/** What a job is beside its rows, and how it is cut. */
export interface PlanOptions {
  /** what the rows' paths are below, kept in the job */
  readonly source: string;
  readonly facts: JobFacts;
  /** files in a shard, 1 to 65 536; default 4096. A series is not cut: it may bring a shard beyond it. */
  readonly shardRows?: number;
  readonly signal?: AbortSignal | undefined;
  /** told the rows planned so far, after each shard */
  readonly onShard?: (rows: number) => void;
}

/** Bytes of a shard's plan from which on it is cut, whatever its rows: a worker holds a shard's plan. */
const SHARD_BYTES = MAX_PLAN_BYTES / 8;

/** @throws JobsError `bad_argument` for a path that leaves the source, and a series of more files than a plan takes */
function lineOf({ files, ...row }: PlanRow, at: number): string {
  const plain = ({ uri, size, etag, sha256, voxels }: PlanFile) => ({ uri, size, etag, sha256, voxels });
  if (!(files ?? [row]).every(({ uri }) => isUriBelow(uri)))
    throw new JobsError("bad_argument", `plan — expected paths below the source, got another in row ${at}. Rename the file.`);
  const line = `${JSON.stringify(files === undefined ? plain(row) : { uri: row.uri, files: files.map(plain) })}\n`;
  if (line.length > SHARD_BYTES)
    throw new JobsError(
      "bad_argument",
      `plan — expected a series whose paths take at most ${SHARD_BYTES} bytes, got ${line.length} of ${files?.length ?? 1} files in row ${at}. Plan its folders apart.`,
    );
  return line;
}

/**
 * Plans the rows, in their order. Planning the same again, also after a run that was killed, is the same job; others are refused.
 * @throws JobsError `bad_argument` for no rows or a shard of no size; `job_differs` where the store holds another job
 */
export async function planJob(
  store: JobStore,
  rows: AsyncIterable<PlanRow> | Iterable<PlanRow>,
  options: PlanOptions,
): Promise<{ readonly job: Job; readonly rows: number; readonly planned: boolean }> {
  const { source, facts, shardRows = 4096, signal, onShard } = options;
  if (!Number.isInteger(shardRows) || shardRows < 1 || shardRows > 65_536) {
    throw new JobsError("bad_argument", `rows in a shard — expected 1 to 65536, got ${shardRows}. Correct the call.`);
  }
  const present = await store.get("job.json");
  const shards: ShardEntry[] = [];
  let total = 0;
  let lines: string[] = [];
  let [files, lineBytes] = [0, 0];
  const flush = async () => {
    signal?.throwIfAborted();
    const text = new TextEncoder().encode(lines.join(""));
    const entry = { rows: lines.length, sha256: sha256Of(text) };
    // a job that stands is compared, not written over
    if (present === undefined) await store.put(planKey(shards.length, entry.sha256), await promisify(gzip)(text));
    shards.push(entry);
    total += lines.length;
    lines = [];
    [files, lineBytes] = [0, 0];
    onShard?.(total);
  };
  for await (const row of rows) {
    const line = lineOf(row, total + lines.length);
    const length = Buffer.byteLength(line);
    if (lines.length > 0 && lineBytes + length > SHARD_BYTES) await flush();
    lines.push(line);
    files += row.files?.length ?? 1;
    lineBytes += length;
    if (files >= shardRows) await flush();
  }
  if (lines.length > 0) await flush();
  if (total === 0) throw new JobsError("bad_argument", "plan — expected at least one image, got none. Check the source.");
  const bytes = writeJob({ source, facts, shards });
  const job: Job = { id: sha256Of(bytes), source, facts, shards };
  const planned = present === undefined && (await store.create("job.json", bytes));
  const stands = planned ? bytes : (present ?? (await store.get("job.json")));
  if (stands === undefined || sha256Of(stands) !== job.id) throw anotherJob(job, stands);
  return { job, rows: total, planned };
}

/** Names the first thing in which the jobs differ: of a path only that it does. */
function anotherJob(job: Job, stands: Uint8Array | undefined): JobsError {
  const there = stands === undefined ? undefined : jobOf(stands);
  const names = [...new Set([...Object.keys(there?.facts ?? {}), ...Object.keys(job.facts)])];
  const fact = names.find((name) => there?.facts[name] !== job.facts[name]);
  const told = (value: JobFacts[string] | undefined) => (value === undefined ? "none" : JSON.stringify(value));
  const what =
    fact !== undefined
      ? `${fact} ${told(there?.facts[fact])} there, ${told(job.facts[fact])} now`
      : there?.source !== job.source
        ? "another source"
        : "other images, or shards of another size";
  const id = there === undefined ? "none" : there.id.slice(0, 16);
  return new JobsError(
    "job_differs",
    `store — expected no job or ${job.id.slice(0, 16)}, got ${id}: ${what}. Plan into an empty store, or as that job was planned.`,
  );
}

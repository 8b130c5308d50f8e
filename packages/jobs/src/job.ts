// What a job is: its rows in shards, and what decides a row's embedding. `job.json` says it; the job's id is the sha256 of that file, so that
// a worker with another model, precision or batch is another job, not a silent mixture.

import { createHash } from "node:crypto";
import { sep } from "node:path";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { isJsonObject, type Json, type JsonObject, parseStrictJson } from "@biovlm/files";
import { JobsError } from "./errors.js";
import type { JobStore } from "./job-store.js";

const FORMAT = "biovlm-job/1";
/** The most that a shard's plan may unpack to, in bytes. */
export const MAX_PLAN_BYTES = 256 * 2 ** 20;
/** The most characters of a row's path. */
const MAX_URI = 4096;
const DIGEST = /^[0-9a-f]{64}$/;

/** One file of the source. */
export interface PlanFile {
  /** path below the source's folder, or key below its prefix */
  readonly uri: string;
  /** bytes, where the listing knew it */
  readonly size?: number;
  /** what the store calls this content, where it says so */
  readonly etag?: string;
  /** digest of the content, where a list gave it: another content is refused. Of a volume in two files that of both as one. */
  readonly sha256?: string;
  /** of a header in a bucket whose voxels lie in the file that it names: what was known of that one */
  readonly voxels?: PlanContent;
}

/** What was known of a file when the job was planned: another size or content is refused. */
export interface PlanContent {
  readonly size: number;
  readonly etag?: string;
}

/** One image of the source; or the files of one series, under the path of the first. */
export interface PlanRow extends PlanFile {
  /** of a series of two files or more: all of them, in order. What else is known of a file stands there alone. */
  readonly files?: readonly PlanFile[];
}

/** A shard: its rows lie in `plan/NNNNN.SHA256.jsonl.gz`, its digest is that of the unpacked lines. */
export interface ShardEntry {
  readonly rows: number;
  /** sha256 of the rows as JSON lines */
  readonly sha256: string;
}

/** What decides the rows of a job: strings, numbers and truths by name; a worker's must be the same. */
export type JobFacts = Readonly<Record<string, string | number | boolean>>;

/** A planned job, as `job.json` says it. */
export interface Job {
  /** sha256 of job.json */
  readonly id: string;
  /** what the images are read from; the worker says what it means */
  readonly source: string;
  readonly facts: JobFacts;
  readonly shards: readonly ShardEntry[];
}

export const sha256Of = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex");

/** "00042": the name of a shard in the keys of plan, parts, commits and failures. Sorts as numbers do up to 99 999. */
export const shardName = (shard: number): string => String(shard).padStart(5, "0");

/** The bytes of `job.json`. */
export function writeJob({ source, facts, shards }: Omit<Job, "id">): Uint8Array {
  const sorted = Object.fromEntries(Object.entries(facts).sort(([a], [b]) => (a < b ? -1 : 1)));
  return new TextEncoder().encode(`${JSON.stringify({ format: FORMAT, source, facts: sorted, shards })}\n`);
}

/**
 * The store's job.
 * @throws JobsError `not_found` where it holds none, `integrity` where job.json is none
 */
export async function readJob(store: JobStore): Promise<Job> {
  const bytes = await store.get("job.json");
  if (bytes === undefined) throw new JobsError("not_found", "job.json — expected a planned job, got none. Run `biovlm bulk plan` first.");
  return jobOf(bytes);
}

/** A job of its file. @throws JobsError `integrity` */
export function jobOf(bytes: Uint8Array): Job {
  const json = parsedObject(bytes, "job.json");
  const { format, source, facts, shards } = json;
  if (format !== FORMAT || typeof source !== "string" || !isJsonObject(facts) || !Array.isArray(shards)) throw torn("job.json");
  const known: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(facts)) {
    if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") throw torn("job.json");
    known[name] = value;
  }
  return { id: sha256Of(bytes), source, facts: known, shards: shards.map(shardEntry) };
}

function shardEntry(entry: Json): ShardEntry {
  if (!isJsonObject(entry)) throw torn("job.json");
  const { rows, sha256 } = entry;
  if (!isCount(rows) || !isDigest(sha256)) throw torn("job.json");
  return { rows, sha256 };
}

/**
 * The rows of one shard, in order.
 * @throws JobsError `not_found` for a shard that the job has not, `integrity` where its plan is missing or not what the job says
 */
export async function readShard(store: JobStore, job: Job, shard: number): Promise<PlanRow[]> {
  const entry = job.shards[shard];
  if (entry === undefined) {
    throw new JobsError("not_found", `shard — expected 0 to ${job.shards.length - 1}, got ${shard}. Look at \`biovlm bulk status\`.`);
  }
  const key = planKey(shard, entry.sha256);
  const packed = await store.get(key);
  if (packed === undefined) throw torn(key);
  const lines = await promisify(gunzip)(packed, { maxOutputLength: MAX_PLAN_BYTES }).catch((cause) => {
    throw torn(key, cause);
  });
  if (sha256Of(lines) !== entry.sha256) throw torn(key);
  const rows = lines
    .toString("utf8")
    .trimEnd()
    .split("\n")
    .map((line) => planRow(line, key));
  if (rows.length !== entry.rows) throw torn(key);
  return rows;
}

function planRow(line: string, key: string): PlanRow {
  const row = parseStrictJson(line, key);
  const first = planFile(row, key);
  const given = isJsonObject(row) ? row["files"] : undefined;
  if (given === undefined) return first;
  if (!Array.isArray(given) || given.length < 2) throw torn(key);
  const files = given.map((file) => planFile(file, key));
  if (files[0]?.uri !== first.uri) throw torn(key);
  return { uri: first.uri, files };
}

function planFile(row: Json, key: string): PlanFile {
  if (!isJsonObject(row) || typeof row["uri"] !== "string" || !isUriBelow(row["uri"])) throw torn(key);
  const { uri, size, etag, sha256, voxels } = row;
  const content = isJsonObject(voxels) ? voxels : {};
  const beside = content["size"];
  return {
    uri,
    ...(isCount(size) ? { size } : {}),
    ...etagOf(etag),
    ...(isDigest(sha256) ? { sha256 } : {}),
    ...(isCount(beside) ? { voxels: { size: beside, ...etagOf(content["etag"]) } } : {}),
  };
}

const etagOf = (etag: Json | undefined) => (typeof etag === "string" ? { etag } : {});

/** Whether a row's path stays below its source: relative, with forward slashes, without `..` and zero bytes. */
export function isUriBelow(uri: string): boolean {
  if (uri.length > MAX_URI || uri.includes("\0") || (sep === "\\" && /[\\:]/.test(uri))) return false;
  return uri.split("/").every((segment) => !["", ".", ".."].includes(segment));
}

/** With the digest in the name two planners of different jobs never write over each other. */
export const planKey = (shard: number, sha256: string): string => `plan/${shardName(shard)}.${sha256}.jsonl.gz`;
export const commitKey = (shard: number): string => `commits/${shardName(shard)}.json`;
/** A piece of a shard's work that is done before the shard is. */
export const checkpointKey = (shard: number, chunk: number): string => `partial/${shardName(shard)}.${shardName(chunk)}.bin`;
/** The beginning of a chunk that is worked on, noted where a chunk takes long. */
export const pieceKey = (shard: number, chunk: number): string => `partial/${shardName(shard)}.${shardName(chunk)}.begun.bin`;
export const failureKey = (shard: number): string => `failed/${shardName(shard)}.json`;
/** There while a shard is worked on; after a worker that was killed it stays. */
export const begunKey = (shard: number): string => `begun/${shardName(shard)}.json`;

export const isCount = (value: Json | undefined): value is number => typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
export const isDigest = (value: Json | undefined): value is string => typeof value === "string" && DIGEST.test(value);

/** @throws JobsError `integrity` for bytes that are no JSON object */
export function parsedObject(bytes: Uint8Array, key: string, refusal = torn): JsonObject {
  try {
    const json = parseStrictJson(new TextDecoder("utf-8", { fatal: true }).decode(bytes), key);
    if (isJsonObject(json)) return json;
  } catch (cause) {
    throw refusal(key, cause);
  }
  throw refusal(key);
}

function torn(key: string, cause?: unknown): JobsError {
  return new JobsError(
    "integrity",
    `${key} — expected what the job wrote, got something else. Restore the store from a copy, or plan into a new one.`,
    cause === undefined ? {} : { cause },
  );
}

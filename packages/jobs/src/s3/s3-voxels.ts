// Volumes in two files in a bucket: what a plan says of the file with the voxels, so that another one in its place is found out as another header is.

import { inOrder } from "@biovlm/files";
import { MAX_HEADER_BYTES, mayNameVoxels, voxelsName } from "@biovlm/files/node";
import type { PlanContent, PlanFile, PlanRow } from "../job.js";
import type { S3Client } from "./s3-client.js";

/** Objects that are asked for at once, and rows that are asked for together. */
const LOOKS_AT_ONCE = 16;
const TOGETHER = 1024;

/** Rows of a list of images in a bucket, in their order: each header of a volume in two files with what both are now. @throws as `S3Client.call` */
export async function* s3ListRows(client: S3Client, rows: AsyncIterable<PlanRow>, signal?: AbortSignal): AsyncGenerator<PlanRow> {
  let some: PlanRow[] = [];
  const look = (row: PlanRow) => withVoxelsKnown(client, row, signal);
  for await (const row of rows) {
    if (some.push(row) < TOGETHER) continue;
    yield* inOrder(some, LOOKS_AT_ONCE, look, signal);
    some = [];
  }
  yield* inOrder(some, LOOKS_AT_ONCE, look, signal);
}

/**
 * A header of a volume in two files with the sizes and etags of both; any other file as it is, and a header without its voxels, of which the work says
 * why not.
 * @throws as `S3Client.call`
 */
export async function withVoxelsKnown(client: S3Client, file: PlanFile, signal: AbortSignal | undefined): Promise<PlanFile> {
  const { uri } = file;
  if (!mayNameVoxels(uri)) return file;
  const headers = { range: `bytes=0-${MAX_HEADER_BYTES - 1}`, ...(file.etag === undefined ? {} : { "if-match": file.etag }) };
  const header = await client.call({ method: "GET", key: uri, headers, signal });
  if (header.status !== 200 && header.status !== 206) return file;
  const folder = uri.lastIndexOf("/") + 1;
  const beside = voxelsName(uri.slice(folder), header.bytes.subarray(0, MAX_HEADER_BYTES));
  if (beside === undefined) return file;
  const voxels = await client.call({ method: "HEAD", key: uri.slice(0, folder) + beside, signal });
  if (voxels.status !== 200) return file;
  return { ...file, ...contentOf(header.headers, file), voxels: contentOf(voxels.headers) };
}

/** @param known what was said of the file before stands */
function contentOf(headers: Headers, known: Partial<PlanContent> = {}): PlanContent {
  const etag = known.etag ?? headers.get("etag") ?? "";
  return { size: known.size ?? sizeSaid(headers), ...(etag === "" ? {} : { etag }) };
}

/** Bytes of the whole object, of an answer with a part of it, too. */
function sizeSaid(headers: Headers): number {
  const whole = /^bytes \S+\/(\d+)$/.exec(headers.get("content-range") ?? "")?.[1];
  return Number(whole ?? headers.get("content-length") ?? 0);
}

// Names in a bucket, page after page: what a store's folder holds, and the images below a prefix as rows of a plan.

import { inOrder } from "@biovlm/files";
import { leftOutByName } from "@biovlm/files/node";
import { JobsError } from "../errors.js";
import { isUriBelow, type PlanRow } from "../job.js";
import type { ListingOptions } from "../row-lists.js";
import { type S3Client, s3Xml } from "./s3-client.js";
import { withVoxelsKnown } from "./s3-voxels.js";

/** An object below the place's prefix. */
interface Listed {
  readonly key: string;
  readonly size: number;
  readonly etag: string;
}

const MAX_PAGE_BYTES = 16 * 2 ** 20;
/** Objects whose content is looked at, at once. */
const LOOKS_AT_ONCE = 16;

/**
 * Objects below `below` (of the place's prefix), by bytes of their keys, with the part of the key behind it.
 * @param flat only those without another slash
 * @throws JobsError `not_found` for a bucket that is not there; FilesError `network`, `refused`; the signal's reason
 */
export async function* listed(client: S3Client, below: string, flat: boolean, signal?: AbortSignal): AsyncGenerator<Listed[]> {
  const { place } = client;
  const prefix = below === "" && place.prefix !== "" ? `${place.prefix}/` : client.keyOf(below);
  let token: string | undefined;
  do {
    const query = {
      "list-type": "2",
      "encoding-type": "url",
      "max-keys": String(client.patience.pageKeys),
      ...(prefix === "" ? {} : { prefix }),
      ...(flat ? { delimiter: "/" } : {}),
      ...(token === undefined ? {} : { "continuation-token": token }),
    };
    const answer = await client.call({ method: "GET", query, maxBytes: MAX_PAGE_BYTES, signal });
    if (answer.status !== 200) throw notListed(answer.status, answer.code);
    const page = Object(s3Xml(answer.bytes)["ListBucketResult"]) as Record<string, unknown>;
    const plain = page["EncodingType"] === "url" ? decoded : (text: string) => text;
    const contents = (page["Contents"] ?? []) as Record<string, unknown>[];
    yield contents.map((entry) => ({
      key: plain(String(entry["Key"])).slice(prefix.length),
      size: Number(entry["Size"]),
      etag: String(entry["ETag"] ?? ""),
    }));
    const next = page["IsTruncated"] === "true" ? String(page["NextContinuationToken"] ?? "") : undefined;
    if (next === "" || (next !== undefined && next === token))
      throw new JobsError("store_failed", "S3 — expected a list that goes on, got the same page again. Check the store.");
    token = next;
  } while (token !== undefined);
}

/** A key as a list writes it in its URL encoding. @throws JobsError `store_failed` */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch (cause) {
    throw new JobsError("store_failed", "S3 — expected keys in URL encoding, got another text. Check the store.", { cause });
  }
}

/** @param status of an answer that is no list */
export function notListed(status: number, code: string | undefined): JobsError {
  return new JobsError(
    "not_found",
    `S3 — expected a bucket that can be listed, got ${status} ${code ?? ""}. Check its name and the endpoint.`,
  );
}

/**
 * Images below the place's prefix, with sizes and etags: by ending as in a folder, DICOM by content where a name has none.
 * @throws as `listed`
 */
export async function* s3Rows(client: S3Client, { signal, leftOut = new Map() }: ListingOptions = {}): AsyncGenerator<PlanRow> {
  let header = "";
  for await (const page of listed(client, "", false, signal)) {
    for await (const { row, why } of inOrder(page, LOOKS_AT_ONCE, (entry) => looked(client, entry, signal), signal)) {
      const { uri } = row;
      if (/\.hdr$/i.test(uri)) header = uri;
      const said = isVoxelsOf(header, uri) ? "voxels of a header beside them" : why;
      if (said === undefined) yield row;
      else leftOut.set(said, (leftOut.get(said) ?? 0) + 1);
    }
  }
}

async function looked(client: S3Client, { key, size, etag }: Listed, signal: AbortSignal | undefined) {
  const why = await whyLeftOut(client, key, signal);
  const row: PlanRow = { uri: key, size, ...(etag === "" ? {} : { etag }) };
  return why === undefined ? { row: await withVoxelsKnown(client, row, signal), why } : { row, why };
}

/** Whether `key` is the second file of the NIfTI header that was listed last: names come in order. */
const isVoxelsOf = (header: string, key: string): boolean => /\.img$/i.test(key) && header.slice(0, -4) === key.slice(0, -4);

async function whyLeftOut(client: S3Client, uri: string, signal: AbortSignal | undefined): Promise<string | undefined> {
  if (uri.endsWith("/") || uri === "") return "folder mark";
  if (!isUriBelow(uri)) return "not a path";
  if (uri.split("/").some((segment) => segment.startsWith(".") || segment === "__MACOSX")) return "hidden";
  const why = leftOutByName(uri.slice(uri.lastIndexOf("/") + 1));
  if (why !== "look") return why;
  const { status, bytes } = await client.call({ method: "GET", key: uri, headers: { range: "bytes=128-131" }, signal });
  return status === 206 && Buffer.from(bytes).toString("latin1") === "DICM" ? undefined : "not an image";
}

// The images of a bulk job in a bucket: each as it was when the job was planned, or not at all.

import { FilesError } from "@biovlm/files";
import { withVoxels } from "@biovlm/files/node";
import type { PlanContent, PlanFile } from "../job.js";
import type { S3Answer, S3Client } from "./s3-client.js";
import { listed } from "./s3-listing.js";

/** What a worker reads images from; the contract is `BulkImages` of @biovlm/engine/bulk. */
export interface S3Images {
  /** Of a header of a volume in two files the bytes of both as one, each as it was planned. Rejects with FilesError `not_found`, `too_large`, `file_changed`, `bad_path` of an image; `network`, `refused` of the store. */
  read(row: PlanFile, admit: (bytes: number) => Promise<void>, signal?: AbortSignal): Promise<Uint8Array>;
  /** The first `length` bytes, or all of a smaller one. Rejects as `read` does. */
  start(row: PlanFile, length: number, signal?: AbortSignal): Promise<Uint8Array>;
  /** @throws where the bucket cannot be listed */
  check(): Promise<void>;
}

/** Images below the client's place. @param maxImageBytes more is refused before it is read */
export function s3Images(client: S3Client, { maxImageBytes }: { readonly maxImageBytes: number }): S3Images {
  return {
    async read({ uri, size, etag, voxels }, admit, signal) {
      /** One object within what is left of the limit. */
      const whole = async (key: string, known: Partial<PlanContent>, before: number) => {
        const bytes = known.size ?? (await sizeOf(client, key, signal));
        if (before + bytes > maxImageBytes) throw tooLarge(maxImageBytes, before + bytes);
        await admit(bytes);
        return planned(
          await client.call({ method: "GET", key, headers: asPlanned(known.etag), maxBytes: maxImageBytes - before, signal }),
          known.size,
        );
      };
      const first = await whole(uri, { ...(size === undefined ? {} : { size }), ...(etag === undefined ? {} : { etag }) }, 0);
      const folder = uri.lastIndexOf("/") + 1;
      return withVoxels(uri.slice(folder), first, "image", (name) => whole(uri.slice(0, folder) + name, voxels ?? {}, first.length));
    },
    async start({ uri, size, etag }, length, signal) {
      if (size === 0) return new Uint8Array(0);
      const headers = { ...asPlanned(etag), range: `bytes=0-${length - 1}` };
      // a store that knows no ranges sends the whole
      const answer = await client.call({ method: "GET", key: uri, headers, maxBytes: Math.max(maxImageBytes, length), signal });
      return answer.status === 416 ? new Uint8Array(0) : planned(answer).subarray(0, length);
    },
    async check() {
      // a bucket that is not there, or not to be listed, is told from an image that is not
      for await (const _ of listed(client, "", true)) return;
    },
  };
}

function tooLarge(most: number, got: number): FilesError {
  return new FilesError(
    "too_large",
    `image — expected at most ${most} bytes, got ${got}. Use a smaller image, or plan with a larger maxImageBytes.`,
  );
}

const asPlanned = (etag: string | undefined): Readonly<Record<string, string>> => (etag === undefined ? {} : { "if-match": etag });

/** @param size that was planned, of an answer with the whole object */
function planned({ status, bytes }: S3Answer, size?: number): Uint8Array {
  if (status === 412 || (status === 200 && size !== undefined && bytes.length !== size))
    throw new FilesError("file_changed", "image — expected what was planned, got another content. Plan again.");
  if (status !== 200 && status !== 206) throw missing(status);
  return bytes;
}

async function sizeOf(client: S3Client, uri: string, signal: AbortSignal | undefined): Promise<number> {
  const { status, headers } = await client.call({ method: "HEAD", key: uri, signal });
  if (status !== 200) throw missing(status);
  return Number(headers.get("content-length") ?? 0);
}

const missing = (status: number) =>
  status === 404
    ? new FilesError("not_found", "image — expected an object, got none. Plan again.")
    : new FilesError("network", `image — expected an object, got ${status}. Check the store.`);

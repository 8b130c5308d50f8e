// The images of a bulk job in a bucket: each as it was when the job was planned, or not at all.

import { FilesError } from "@biovlm/files";
import type { PlanRow } from "../job.js";
import type { S3Client } from "./s3-client.js";
import { listed } from "./s3-listing.js";

/** What a worker reads images from; the contract is `BulkImages` of @biovlm/engine/bulk. */
export interface S3Images {
  /** Rejects with FilesError `not_found`, `too_large`, `file_changed` of an image; `network`, `refused` of the store. */
  read(row: PlanRow, admit: (bytes: number) => Promise<void>, signal?: AbortSignal): Promise<Uint8Array>;
  /** @throws where the bucket cannot be listed */
  check(): Promise<void>;
}

/** Images below the client's place. @param maxImageBytes more is refused before it is read */
export function s3Images(client: S3Client, { maxImageBytes }: { readonly maxImageBytes: number }): S3Images {
  return {
    async read({ uri, size, etag }, admit, signal) {
      const bytes = size ?? (await sizeOf(client, uri, signal));
      if (bytes > maxImageBytes)
        throw new FilesError(
          "too_large",
          `image — expected at most ${maxImageBytes} bytes, got ${bytes}. Use a smaller image, or plan with a larger maxImageBytes.`,
        );
      await admit(bytes);
      const headers = etag === undefined ? {} : { "if-match": etag };
      const answer = await client.call({ method: "GET", key: uri, headers, maxBytes: maxImageBytes, signal });
      if (answer.status === 412)
        throw new FilesError("file_changed", "image — expected what was planned, got another content. Plan again.");
      if (answer.status !== 200) throw missing(answer.status);
      return answer.bytes;
    },
    async check() {
      // a bucket that is not there, or not to be listed, is told from an image that is not
      for await (const _ of listed(client, "", true)) return;
    },
  };
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

// Digests of files, streamed: sha256 (ours, and the hub's for large files) and git's blob sha1 (the hub's for small ones).

import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { fileFailure } from "./file-failure.js";

export const HASH_CHUNK = 1 << 20;

/** What a file must be: its size and one digest. The hub gives sha256 for LFS files and git's blob sha1 for the others. */
export interface ExpectedContent {
  readonly size: number;
  readonly digest: { readonly kind: "sha256" | "git-sha1"; readonly hex: string };
}

/** An empty hash of that kind; git's begins with "blob <size>\0". */
export function startHash(expected: ExpectedContent): Hash {
  if (expected.digest.kind === "sha256") return createHash("sha256");
  return createHash("sha1").update(`blob ${expected.size}\0`);
}

/** sha256 (hex) and size of the bytes read until the end. Rejects with `FilesError` as `fileFailure` says. */
export async function sha256File(
  path: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<{ sha256: string; size: number }> {
  const hash = createHash("sha256");
  const size = await feed(path, (bytes) => hash.update(bytes), options.signal);
  return { sha256: hash.digest("hex"), size };
}

/** True when the file has the size and the digest. A file that is absent rejects (`not_found`). */
export async function matches(
  path: string,
  expected: ExpectedContent,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<boolean> {
  const hash = startHash(expected);
  const size = await feed(path, (bytes) => hash.update(bytes), options.signal);
  return size === expected.size && hash.digest("hex") === expected.digest.hex;
}

/** Reads the file in chunks of 1 MiB (one buffer, reused: take what you need before returning). Resolves to the bytes read. */
export async function feed(path: string, take: (bytes: Uint8Array) => unknown, signal?: AbortSignal): Promise<number> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, "r");
    const chunk = new Uint8Array(HASH_CHUNK);
    let total = 0;
    for (;;) {
      signal?.throwIfAborted();
      const { bytesRead } = await handle.read(chunk, 0, chunk.length, total);
      if (bytesRead === 0) return total;
      take(chunk.subarray(0, bytesRead));
      total += bytesRead;
    }
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw fileFailure(error, `reading ${path}`);
  } finally {
    await handle?.close();
  }
}

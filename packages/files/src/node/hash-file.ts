// Digests of files, streamed: sha256 (ours, and the hub's for large files), git's blob sha1 (the hub's for small ones), md5 (data archives').

import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { FilesError } from "../errors.js";
import { fileFailure } from "../file-failure.js";

/** Bytes read at a time while hashing: 1 MiB. */
export const HASH_CHUNK = 1 << 20;

/** A digest that was published for a file: the hub gives sha256 for LFS files and git's blob sha1 for the others, data archives give md5. */
export interface ExpectedDigest {
  readonly kind: "sha256" | "git-sha1" | "md5";
  /** lower-case hexadecimal */
  readonly hex: string;
}

/** What a file must be: its size and one digest. */
export interface ExpectedContent {
  readonly size: number;
  readonly digest: ExpectedDigest;
}

/** An empty hash of that kind; git's begins with "blob <size>\0", so it needs the size. @throws FilesError `bad_argument` */
export function startHash({ size, digest }: { readonly size?: number | undefined; readonly digest: ExpectedDigest }): Hash {
  if (digest.kind !== "git-sha1") return createHash(digest.kind);
  if (size === undefined) throw new FilesError("bad_argument", "git's digest — expected the file's size beside it, got none. Give it.");
  return createHash("sha1").update(`blob ${size}\0`);
}

/** Hexadecimal digest of a whole file. Rejects with `FilesError` as `fileFailure` says; with the signal's reason when aborted. */
export async function digestFile(path: string, kind: "sha256" | "md5", signal?: AbortSignal): Promise<string> {
  const hash = createHash(kind);
  await feed(path, (bytes) => hash.update(bytes), signal);
  return hash.digest("hex");
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

// A file on disk as an image source: regular, within a limit, never waited for.

import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { FilesError } from "@biovlm/files";
import type { ImageSource } from "./image-source.js";

/** A file of at most `maxBytes`. Opening it throws what {@link readWithin} throws. */
export function fileSource({ name, path }: { readonly name: string; readonly path: string }, maxBytes: number): ImageSource {
  return { name, open: async () => ({ kind: "file", bytes: await readWithin(path, maxBytes) }) };
}

/**
 * The bytes of a regular file that is no larger than `maxBytes`.
 * @throws FilesError `not_a_file`, `too_large`, or the system's error
 */
async function readWithin(path: string, maxBytes: number): Promise<Uint8Array> {
  // Non-blocking, so that a pipe without a writer cannot hang the open.
  const handle = await open(path, NON_BLOCKING);
  try {
    const info = await handle.stat();
    if (!info.isFile()) {
      const what = info.isDirectory() ? "a folder" : "a device, pipe or socket";
      throw new FilesError("not_a_file", `not a file — expected an image file, got ${what}`);
    }
    if (info.size > maxBytes) {
      throw new FilesError("too_large", `file too large — expected at most ${maxBytes} bytes, got ${info.size}. Raise maxImageBytes.`);
    }
    const bytes = new Uint8Array(info.size);
    let at = 0;
    while (at < bytes.length) {
      const { bytesRead } = await handle.read(bytes, at, bytes.length - at, at);
      if (bytesRead === 0) break;
      at += bytesRead;
    }
    return at === bytes.length ? bytes : bytes.subarray(0, at);
  } finally {
    await handle.close();
  }
}

// O_NONBLOCK is undefined on Windows, which has no such pipes.
const NON_BLOCKING = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

// An .npz archive in a file: ranges by position, members inflated by Node's zlib as they are read.

import type { FileHandle } from "node:fs/promises";
import { pipeline } from "node:stream";
import { createInflateRaw } from "node:zlib";
import type { ZipEntry } from "@biovlm/files";
import { openRegular } from "@biovlm/files/node";
import { type NpzFile, type NpzLimits, openNpzArchive } from "../npz.js";

const CHUNK = 64 * 1024;

/**
 * Opens an .npz file and reads every member's header.
 * @throws DatasetError `bad_file`, `too_large`, `integrity`; FilesError `not_found`, `not_a_file`, `not_permitted`, `io_error`
 */
export async function openNpz(path: string, limits: Partial<NpzLimits> = {}): Promise<NpzFile> {
  const { handle, size } = await openRegular(path, "npz file");
  const bytes = {
    size,
    async read(offset: number, length: number) {
      const { buffer, bytesRead } = await handle.read(new Uint8Array(length), 0, length, offset);
      return buffer.subarray(0, bytesRead);
    },
    stream: (member: ZipEntry, from: number) => streamMember(handle, member, from),
    close: () => void handle.close().catch(() => {}),
  };
  return openNpzArchive(bytes, limits);
}

async function* streamMember(handle: FileHandle, { offset, packedSize, stored }: ZipEntry, from: number): AsyncGenerator<Uint8Array, void> {
  const packed = rangeOf(handle, offset + from, packedSize - from);
  if (stored) return yield* packed;
  // an error of either ends the other; the consumer meets it at the inflated end
  const inflated = pipeline(packed, createInflateRaw(), () => {});
  try {
    yield* inflated as AsyncIterable<Buffer>;
  } finally {
    inflated.destroy();
  }
}

async function* rangeOf(handle: FileHandle, start: number, length: number): AsyncGenerator<Uint8Array, void> {
  for (let done = 0; done < length; ) {
    const { buffer, bytesRead } = await handle.read(new Uint8Array(Math.min(CHUNK, length - done)), 0, undefined, start + done);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
    done += bytesRead;
  }
}

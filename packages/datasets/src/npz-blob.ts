// An .npz archive in a Blob (a File picked in a browser): ranges are slices, members inflated in small steps.

import type { ZipEntry } from "@biovlm/files";
import { Inflate } from "fflate";
import { type NpzFile, type NpzLimits, openNpzArchive } from "./npz.js";

/** Input per step: at deflate's most, 1032 : 1, a step gives 16 MiB. */
const STEP = 16 * 1024;

/** Opens an .npz in a Blob. @throws DatasetError `bad_file`, `too_large`, `integrity` @example await readNpzBlob(input.files[0]) */
export function readNpzBlob(blob: Blob, limits: Partial<NpzLimits> = {}): Promise<NpzFile> {
  const read = async (offset: number, length: number) => new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer());
  return openNpzArchive({ size: blob.size, read, stream: (member, from) => streamMember(read, member, from), close() {} }, limits);
}

async function* streamMember(
  read: (offset: number, length: number) => Promise<Uint8Array>,
  { offset, packedSize, stored }: ZipEntry,
  from: number,
): AsyncGenerator<Uint8Array, void> {
  const out: Uint8Array[] = [];
  const inflate = new Inflate((chunk) => void out.push(chunk));
  for (let at = from; at < packedSize; ) {
    // Stored bytes can be read in larger pieces; compressed ones in steps that cannot explode.
    const next = Math.min(packedSize, at + (stored ? 16 * STEP : STEP));
    const piece = await read(offset + at, next - at);
    if (stored) yield piece;
    else {
      inflate.push(piece, next === packedSize);
      for (const chunk of out.splice(0)) if (chunk.length > 0) yield chunk;
    }
    at = next;
  }
}

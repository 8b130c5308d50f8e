// TIFF's PackBits, undone: runs of one byte, and bytes as they are.

import { endsEarly } from "./lzw.js";

/** Unpacks the first `size` bytes. @throws ImagingError `corrupt_image` */
export function unpackPackBits(packed: Uint8Array, size: number): Uint8Array {
  const out = new Uint8Array(size);
  let filled = 0;
  for (let at = 0; filled < size; ) {
    const head = packed[at++];
    if (head === undefined) throw endsEarly("PackBits", size, filled);
    if (head === 128) continue;
    const count = Math.min(head < 128 ? head + 1 : 257 - head, size - filled);
    if (at + (head < 128 ? count : 1) > packed.length) throw endsEarly("PackBits", size, filled);
    if (head < 128) {
      out.set(packed.subarray(at, at + count), filled);
      at += head + 1;
    } else out.fill(packed[at++] ?? 0, filled, filled + count);
    filled += count;
  }
  return out;
}

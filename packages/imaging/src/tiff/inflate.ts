// A block of deflate (zlib) within bounds: it is unpacked piece by piece, and no further than the block's own size.

import { Unzlib } from "fflate";
import { corrupt } from "../errors.js";
import { endsEarly } from "./lzw.js";

/** Packed bytes at once: at deflate's most, 1032 : 1, 16 MiB come of them. */
const STEP = 16 * 1024;

/** Unpacks the first `size` bytes. @throws ImagingError `corrupt_image` */
export function inflateBlock(packed: Uint8Array, size: number): Uint8Array {
  const out = new Uint8Array(size);
  let filled = 0;
  const stream = new Unzlib((piece) => {
    const part = piece.subarray(0, size - filled);
    out.set(part, filled);
    filled += part.length;
  });
  try {
    for (let at = 0; at < packed.length && filled < size; at += STEP)
      stream.push(packed.subarray(at, at + STEP), at + STEP >= packed.length);
  } catch (cause) {
    // what is cut off behind the last byte that is needed is no matter
    if (filled < size) throw corrupt("TIFF with deflate that does not unpack", cause);
  }
  if (filled < size) throw endsEarly("deflate", size, filled);
  return out;
}

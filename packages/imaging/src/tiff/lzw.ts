// TIFF's LZW, undone: codes of 9 to 12 bits from the highest bit on, each one code earlier wider than the table asks. A table's string is a stretch
// of what was written already, and so nothing is kept but where it begins. The first LZW writers' order of bits is refused in words.

import { corrupt, unsupported } from "../errors.js";

const CLEAR = 256;
const END = 257;
const FIRST = 258;
const MOST_CODES = 4096;
const MOST_WIDTH = 12;

/** Unpacks the first `size` bytes. @throws ImagingError `corrupt_image`, `unsupported_format` */
export function unpackLzw(packed: Uint8Array, size: number): Uint8Array {
  if (packed[0] === 0 && ((packed[1] ?? 0) & 1) === 1)
    throw unsupported("TIFF with LZW of before 1992", "Save it again, with LZW, deflate or without compression.");
  const out = new Uint8Array(size);
  const starts = new Int32Array(MOST_CODES);
  const lengths = new Int32Array(MOST_CODES);
  let [next, width, filled, at, bits, held] = [FIRST, 9, 0, 0, 0, 0];
  // where the string before this one begins, and its length; 0: there is none
  let [before, beforeLength] = [0, 0];
  while (filled < size) {
    for (; bits < width; bits += 8) {
      const byte = packed[at++];
      if (byte === undefined) throw endsEarly("LZW", size, filled);
      held = ((held << 8) | byte) & 0xff_ffff;
    }
    bits -= width;
    const code = (held >> bits) & ((1 << width) - 1);
    if (code === CLEAR) {
      [next, width, beforeLength] = [FIRST, 9, 0];
      continue;
    }
    if (code === END) throw endsEarly("LZW", size, filled);
    if (beforeLength > 0 && next < MOST_CODES) {
      // the string before and the first letter of this one, which follows it
      starts[next] = before;
      lengths[next++] = beforeLength + 1;
      if (next > (1 << width) - 2 && width < MOST_WIDTH) width++;
    }
    const begin = filled;
    if (code < CLEAR) out[filled++] = code;
    else {
      if (code >= next || beforeLength === 0) throw corrupt(`TIFF with LZW — expected a code below ${next}, got ${code}`);
      const from = starts[code] ?? 0;
      const end = Math.min(size, filled + (lengths[code] ?? 0));
      // a string may reach into itself: byte by byte
      for (let i = from; filled < end; i++) out[filled++] = out[i] ?? 0;
    }
    [before, beforeLength] = [begin, filled - begin];
  }
  return out;
}

/** A block of fewer bytes than its size needs. */
export function endsEarly(how: string, size: number, filled: number) {
  return corrupt(`TIFF with ${how} that ends early — expected ${size} bytes of a block, got ${filled}`);
}

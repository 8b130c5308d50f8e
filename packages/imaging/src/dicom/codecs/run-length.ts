// RLE (PS3.5, annex G): the bytes of a frame by plane and by significance, each run through PackBits.

import { corrupt } from "../../errors.js";

const HEADER = 64;

/** One segment: `size` bytes, written to `out` at `from`, `from + step`, … */
function unpack(data: Uint8Array, out: Uint8Array, from: number, step: number, size: number): void {
  let at = 0;
  let written = 0;
  const truncated = () => corrupt(`truncated RLE — expected ${size} bytes in a segment, got ${written}`);
  while (written < size) {
    const control = data[at++];
    if (control === undefined) throw truncated();
    if (control === 128) continue;
    const literal = control < 128;
    const count = Math.min(literal ? control + 1 : 257 - control, size - written);
    if (literal) {
      if (at + count > data.length) throw truncated();
      for (let i = 0; i < count; i++) out[from + (written + i) * step] = data[at + i] ?? 0;
      at += control + 1;
    } else {
      const value = data[at++];
      if (value === undefined) throw truncated();
      for (let i = 0; i < count; i++) out[from + (written + i) * step] = value;
    }
    written += count;
  }
}

/**
 * Decodes a frame.
 * @returns samples by plane, little-endian words of `bytesPerSample`, `pixels` a plane
 * @throws ImagingError `corrupt_image`
 */
export function decodeRunLength(frame: Uint8Array, pixels: number, samples: number, bytesPerSample: number): Uint8Array {
  if (frame.length < HEADER) throw corrupt(`truncated RLE — expected a header of ${HEADER} bytes, got ${frame.length}`);
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const count = view.getUint32(0, true);
  if (count !== samples * bytesPerSample) throw corrupt(`RLE segments — expected ${samples * bytesPerSample}, got ${count}`);
  const out = new Uint8Array(pixels * samples * bytesPerSample);
  for (let segment = 0; segment < count; segment++) {
    const start = view.getUint32(4 + segment * 4, true);
    const end = segment + 1 < count ? view.getUint32(8 + segment * 4, true) : frame.length;
    if (start < HEADER || end < start || end > frame.length) throw corrupt("RLE segments that lie outside their frame");
    const [plane, significance] = [Math.floor(segment / bytesPerSample), segment % bytesPerSample];
    // the most significant byte comes first
    const from = plane * pixels * bytesPerSample + (bytesPerSample - 1 - significance);
    unpack(frame.subarray(start, end), out, from, bytesPerSample, pixels);
  }
  return out;
}

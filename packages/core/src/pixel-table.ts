// From bytes to the numbers an image tower takes: 256 values a channel, each computed once. No kernel: it looks up.

import type { PixelSpec } from "./core.js";
import { f32, u8 } from "./elements.js";
import { CoreError } from "./errors.js";
import { checkLength, checkSize } from "./shape-checks.js";

/** A resize target beyond this side is a mistake, not an image for an encoder. */
export const MAX_SIDE = 4096;

/** table[c·256 + v] = (v/255 − mean[c]) / std[c], each step rounded to float32 as torch's ToTensor and Normalize do. */
export function pixelTable(spec: PixelSpec): Float32Array {
  checkSize("spec.size", spec.size, MAX_SIDE);
  const { mean, std } = spec;
  const table = new Float32Array(768);
  for (const c of [0, 1, 2] as const) {
    const m = Math.fround(mean[c]);
    const s = Math.fround(std[c]);
    if (!Number.isFinite(m) || !Number.isFinite(s) || s <= 0) {
      throw new CoreError(
        "bad_option",
        `mean and std — expected finite means and positive stds, got ${m} and ${s}. Read them from the model's config.`,
      );
    }
    for (let v = 0; v < 256; v++) table[c * 256 + v] = Math.fround(Math.fround(v / 255) - m) / s;
  }
  return table;
}

export function planarTarget(size: number, out: Float32Array | undefined, offset: number): Float32Array {
  const needed = 3 * size * size;
  if (out === undefined && offset === 0) return new Float32Array(needed);
  const room = (out?.length ?? 0) - offset;
  if (out === undefined || !Number.isInteger(offset) || offset < 0 || room < needed) {
    throw new CoreError(
      "bad_shape",
      `out at offset ${offset} — expected room for [3, ${size}, ${size}] (${needed} numbers), got ${room}. Pass a larger array.`,
    );
  }
  return out;
}

/**
 * bytes [S,S,3] → /255, (x−mean)/std in torch's float32 order, planar [3,S,S]; into `out` at `offset` where given. What `Core.normalize` is.
 * @throws CoreError `bad_shape`, `bad_option`
 */
export function normalizePixels(bytes: Uint8Array | Uint8ClampedArray, spec: PixelSpec, out?: Float32Array, offset = 0): Float32Array {
  const table = pixelTable(spec);
  checkLength("bytes", bytes.length, [spec.size, spec.size, 3]);
  const target = planarTarget(spec.size, out, offset);
  const plane = spec.size * spec.size;
  for (let i = 0; i < plane; i++) for (let c = 0; c < 3; c++) target[offset + c * plane + i] = f32(table, c * 256 + u8(bytes, i * 3 + c));
  return target;
}

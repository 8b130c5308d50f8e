// Left-right flips of planar float pixels.

import { f32 } from "../elements.js";

/** pixels [3,S,S] → new pixels mirrored left to right. */
export function flipHorizontal(pixels: Float32Array, S: number): Float32Array {
  const out = new Float32Array(pixels.length);
  for (let row = 0; row < pixels.length; row += S) for (let x = 0; x < S; x++) out[row + x] = f32(pixels, row + S - 1 - x);
  return out;
}

// Gaussian blur with a 3×3 kernel on planar float pixels, edges reflected, as torchvision's gaussian_blur.

import { f32, f64 } from "../elements.js";
import { CoreError } from "../errors.js";

/** pixels [3,S,S], sigma > 0 in pixels → new pixels. */
export function gaussianBlur3(pixels: Float32Array, S: number, sigma: number): Float32Array {
  if (pixels.length !== 3 * S * S || S < 2) {
    throw new CoreError(
      "bad_shape",
      `gaussianBlur3 — expected [3, ${S}, ${S}] with S ≥ 2, got ${pixels.length} numbers. Pass one square image.`,
    );
  }
  if (!(sigma > 0)) throw new CoreError("bad_option", `gaussianBlur3 sigma — expected more than 0, got ${sigma}.`);
  const side = Math.exp(-0.5 / (sigma * sigma));
  const edge = side / (1 + 2 * side);
  const middle = 1 - 2 * edge;
  const out = new Float32Array(pixels.length);
  const row = new Float64Array(S);
  for (let c = 0; c < 3; c++) {
    const plane = c * S * S;
    for (let y = 0; y < S; y++) {
      const above = plane + mirror(y - 1, S) * S;
      const here = plane + y * S;
      const below = plane + mirror(y + 1, S) * S;
      for (let x = 0; x < S; x++) row[x] = middle * f32(pixels, here + x) + edge * (f32(pixels, above + x) + f32(pixels, below + x));
      for (let x = 0; x < S; x++) out[here + x] = middle * f64(row, x) + edge * (f64(row, mirror(x - 1, S)) + f64(row, mirror(x + 1, S)));
    }
  }
  return out;
}

/** −1 → 1 and S → S−2: the edge itself is not repeated. */
function mirror(i: number, S: number): number {
  return i < 0 ? -i : i >= S ? 2 * S - 2 - i : i;
}

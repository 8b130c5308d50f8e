// Where each output pixel of a resize reads and with which weights: Pillow's bicubic resampler, as numbers.
// Source: Pillow 9.4 src/libImaging/Resample.c (precompute_coeffs, normalize_coeffs_8bpc) and torchvision's Resize/CenterCrop rules.
// It touches no pixels; the kernels run a plan. Both builds share it, and the goldens made by Pillow judge it.

import { f64, i32 } from "./elements.js";
import type { Box } from "./image.js";

/** Weights are integers of 2^22 steps: a 32-bit sum of 8-bit pixels then keeps 2 bits of headroom for the negative lobes. */
export const PRECISION_BITS = 22;

/** Bicubic's a = −0.5 (Catmull-Rom); support of 2 source pixels at scale 1. */
const A = -0.5;
const SUPPORT = 2;

/** One axis of a resize: output i is Σ_j weights[i·taps + j] · source[first[i] + j], j < count[i]. */
export interface AxisPlan {
  readonly size: number;
  /** stride of `weights`; entries beyond count[i] are 0 */
  readonly taps: number;
  readonly first: Int32Array;
  readonly count: Int32Array;
  readonly weights: Int32Array;
  /** true when Pillow skips this axis (same size, whole axis): output i = source first[i] */
  readonly copy: boolean;
}

/** A two-pass resize of a source box to a square of `size`: horizontal pass first, rounded to 8 bits, then vertical. */
export interface ResamplePlan {
  readonly size: number;
  readonly horizontal: AxisPlan;
  readonly vertical: AxisPlan;
}

/** Plan of Resize(S, bicubic) on the shortest side, long = ⌊S·long/short⌋, then CenterCrop(S). Only the window is planned. */
export function centreCropPlan(width: number, height: number, size: number): ResamplePlan {
  const short = Math.min(width, height);
  const resized = (side: number) => (side === short ? size : Math.floor((size * side) / short));
  const axis = (side: number) => axisPlan(0, side, resized(side), roundHalfEven((resized(side) - size) / 2), size);
  return { size, horizontal: axis(width), vertical: axis(height) };
}

/** Plan of crop(box) then resize to S×S: the filter sees nothing outside the box. */
export function boxPlan(box: Box, size: number): ResamplePlan {
  return { size, horizontal: axisPlan(box.left, box.width, size, 0, size), vertical: axisPlan(box.top, box.height, size, 0, size) };
}

/** Outputs from..from+size−1 of a resize of `length` source pixels (starting at `origin`) to `outLength`. */
function axisPlan(origin: number, length: number, outLength: number, from: number, size: number): AxisPlan {
  const scale = length / outLength;
  const filterScale = Math.max(scale, 1);
  const support = SUPPORT * filterScale;
  const taps = Math.ceil(support) * 2 + 1;
  const copy = length === outLength;
  const first = new Int32Array(size);
  const count = new Int32Array(size);
  const weights = new Int32Array(size * taps);
  const exact = new Float64Array(taps);
  for (let i = 0; i < size; i++) {
    const centre = (i + from + 0.5) * scale;
    const low = Math.max(0, Math.trunc(centre - support + 0.5));
    const high = Math.min(length, Math.trunc(centre + support + 0.5));
    let sum = 0;
    for (let j = 0; j < high - low; j++) {
      exact[j] = bicubic((j + low - centre + 0.5) * (1 / filterScale));
      sum += f64(exact, j);
    }
    first[i] = origin + (copy ? i + from : low);
    count[i] = copy ? 1 : high - low;
    for (let j = 0; j < i32(count, i); j++) weights[i * taps + j] = copy ? 1 << PRECISION_BITS : fixedPoint(f64(exact, j) / sum);
  }
  return { size, taps, first, count, weights, copy };
}

function bicubic(x: number): number {
  const d = Math.abs(x);
  if (d < 1) return ((A + 2) * d - (A + 3)) * d * d + 1;
  if (d < 2) return (((d - 5) * d + 8) * d - 4) * A;
  return 0;
}

/** Rounds half away from zero, as the C cast of w ± 0.5 does. */
function fixedPoint(w: number): number {
  const scaled = w * (1 << PRECISION_BITS);
  return Math.trunc(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
}

/** Python's round(): halves go to the even neighbour. */
function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  return x - floor === 0.5 ? floor + (floor % 2) : Math.round(x);
}

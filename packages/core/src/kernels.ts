// What a build must supply: the numeric kernels behind the Core contract, after all checks. Internal to this package.
// Shapes are already right and sizes positive; a kernel reports non-finite numbers by its return value and never throws for data.

import type { RgbImage } from "./core.js";
import type { ResamplePlan } from "./resample-plan.js";

export interface ScoreShape {
  readonly B: number;
  readonly N: number;
  readonly C: number;
  readonly D: number;
}

/** Where routing writes: [B,N,C], [B,N], [B,K], [B,C], [B,C]. */
export interface RoutingArrays {
  readonly logits: Float32Array;
  readonly entropy: Float32Array;
  readonly kept: Int32Array;
  readonly mean: Float32Array;
  readonly probabilities: Float32Array;
}

export interface Kernels {
  /** → out [S,S,3] */
  resample(image: RgbImage, plan: ResamplePlan, out: Uint8Array): void;
  /** resample, then out[offset + c·S² + i] = table[c·256 + byte] */
  resampleThroughTable(image: RgbImage, plan: ResamplePlan, table: Float32Array, out: Float32Array, offset: number): void;
  /** Returns the first row whose squared norm is zero or not finite, or −1. */
  l2Normalize(x: Float32Array, rows: number, D: number, out: Float32Array): number;
  /** scale · a [M,D] · b [R,D]ᵀ → out [M,R]; false when a result is not finite. */
  gemm(a: Float32Array, b: Float32Array, scale: number, M: number, R: number, D: number, out: Float32Array): boolean;
  /** false when an input is not finite, as for the three below. */
  softmax(x: Float32Array, rows: number, C: number, out: Float32Array): boolean;
  logSoftmax(x: Float32Array, rows: number, C: number, out: Float32Array): boolean;
  entropy(x: Float32Array, rows: number, C: number, out: Float32Array): boolean;
  /** Reads out.logits and fills the rest. */
  select(out: RoutingArrays, B: number, N: number, C: number, K: number): boolean;
  /** Fills all of out. */
  route(f: Float32Array, t: Float32Array, scale: number, shape: ScoreShape, K: number, out: RoutingArrays): boolean;
}

// The contract of an implementation: the numeric kernels behind Core, after all checks, and how one from outside is handed in.
// Shapes are already right and sizes positive; a kernel reports non-finite numbers by its return value and never throws for data.
// What it wrote before it refused is undefined. It keeps no array after it returned, and reads nothing beside the views that it is given.
// `@biovlm/core/testing` has the suite that every implementation passes: plain loops, both WASM builds, native code.

import type { RgbImage } from "./image.js";
import type { ResamplePlan } from "./resample-plan.js";

/** Sizes of one routing: B images, N prompts, C classes, D of the embeddings. */
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

/** Every kernel. Arrays are row-major; letters as in docs/method.md, a [M,D] and b [R,D] for any two matrices. */
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

/** Name of one kernel of {@link Kernels}. */
export type KernelName = keyof Kernels;

/** Every kernel by name, in the order of the kernel suite. */
export const KERNEL_NAMES: readonly KernelName[] = [
  "resample",
  "resampleThroughTable",
  "l2Normalize",
  "gemm",
  "softmax",
  "logSoftmax",
  "entropy",
  "select",
  "route",
];

/**
 * Kernels from outside this package, as a value: `loadCore({ kernels: value })`. A kernel that is absent, or not allowed where
 * `deterministic` is asked for, stays with WASM; so do gemm, select and route together unless all three are here, since the scores of
 * one image must not depend on which of them was called.
 */
export interface NativeKernels {
  /** what runs, for `core.info.native`: "avx512, 8 threads" */
  readonly name: string;
  readonly kernels: Partial<Kernels>;
  /** Kernels shown to give the bits of the plain-SIMD WASM build, whatever the processor and the thread count. */
  readonly bitEqual: readonly KernelName[];
}

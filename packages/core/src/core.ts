// The numeric core's contract: every function BioVLM needs on floats and bytes, the same from WASM and from plain loops.
// Floats and bytes in, floats and bytes out: no I/O, no ONNX, nothing asynchronous, nothing retained after a call.
// Letters as in docs/method.md: B images, S image side, N prompts, C classes, D embedding, K kept prompts.

import type { Box, RgbImage } from "./image.js";
import type { KernelName } from "./kernels.js";

/** Which implementation answers. "reference" is the plain-loop floor, also the oracle of the tests. */
export type CoreBuild = "relaxed-simd" | "simd" | "reference";

/** How images become pixels: side S in pixels, then (value / 255 − mean) / std for each of R, G, B. */
export interface PixelSpec {
  /** S */
  readonly size: number;
  readonly mean: readonly [number, number, number];
  /** positive */
  readonly std: readonly [number, number, number];
}

/** Result of routing B images through a bank of N prompts over C classes. K = max(1, ⌊ρN⌋). */
export interface Routing {
  /** z [B,N,C] */
  readonly logits: Float32Array;
  /** H [B,N], nats */
  readonly entropy: Float32Array;
  /** [B,K] prompt indices, ascending entropy, ties by lower index */
  readonly kept: Int32Array;
  /** ẑ [B,C] mean of the kept logits */
  readonly mean: Float32Array;
  /** softmax(ẑ) [B,C] */
  readonly probabilities: Float32Array;
  readonly K: number;
}

/** Whose kernels answer: native where an implementation was handed in and serves at least one, then `CoreInfo.native` says which. */
export type KernelKind = "wasm" | "reference" | "native";

/** Which kernels run, and whether their bits are the same on every engine. */
export interface CoreInfo {
  /** What runs where no native kernel does. */
  readonly build: CoreBuild;
  readonly kernels: KernelKind;
  /** The implementation handed in, and the kernels that it serves. Absent where none is served natively. */
  readonly native?: { readonly name: string; readonly serves: readonly KernelName[] };
  /** true for plain SIMD and native kernels of its very bits: the same bits on every engine. Relaxed SIMD and the reference's Math.exp may differ in the last bit. */
  readonly deterministic: boolean;
  /** why this build runs, e.g. which faster one this engine refused */
  readonly detail: string;
}

/**
 * Inference surface. Every array is checked against its shape before a kernel runs; outputs are fresh arrays.
 * Functions throw CoreError: `bad_shape`, `bad_option`, `nan_input` (NaN or infinity in, or overflow), `zero_row`, `out_of_memory`.
 * A row's result never depends on the other rows of the call, so batching cannot change an answer.
 */
export interface Core {
  readonly info: CoreInfo;
  /** PIL-exact bicubic resize of the shortest side to S, centre crop → [S,S,3] bytes. Only the crop window is computed. */
  resizeCrop(image: RgbImage, size: number): Uint8Array;
  /** Image.crop(box) then Image.resize((S,S), BICUBIC) of Pillow, byte for byte → [S,S,3]. Pixels outside the box are not read. */
  resizeBox(image: RgbImage, box: Box, size: number): Uint8Array;
  /** resizeCrop, /255, (x−mean)/std, planar → [3,S,S]; writes into `out` at `offset` and returns `out` when given (batches without a copy). */
  preprocess(image: RgbImage, spec: PixelSpec, out?: Float32Array, offset?: number): Float32Array;
  /** bytes [S,S,3] → /255, (x−mean)/std in torch's float32 order, planar [3,S,S]; `out` and `offset` as in preprocess. */
  normalize(bytes: Uint8Array | Uint8ClampedArray, spec: PixelSpec, out?: Float32Array, offset?: number): Float32Array;
  /** x [rows,D] → x/‖x‖₂ by row. A zero row is an error. */
  l2Normalize(x: Float32Array, rows: number, D: number): Float32Array;
  /** a [M,D] · b [R,D]ᵀ → [M,R]. */
  gemm(a: Float32Array, b: Float32Array, shape: { M: number; R: number; D: number }): Float32Array;
  /** f [B,D], t [N,C,D] (both normalised), s = exp(logit scale) → z = s·f·tᵀ [B,N,C]. */
  score(f: Float32Array, t: Float32Array, scale: number, shape: { B: number; N: number; C: number; D: number }): Float32Array;
  /** softmax(x) by row of x [rows,C]. */
  softmax(x: Float32Array, rows: number, C: number): Float32Array;
  /** log softmax(x) by row of x [rows,C]. */
  logSoftmax(x: Float32Array, rows: number, C: number): Float32Array;
  /** Entropy in nats of softmax(x) by row → [rows]. Never negative; accurate in relative terms down to the surest row. */
  entropy(x: Float32Array, rows: number, C: number): Float32Array;
  /** z [B,N,C] → entropies, the K = max(1, ⌊ρN⌋) kept prompts, their mean logits and probabilities. */
  select(logits: Float32Array, rho: number, shape: { B: number; N: number; C: number }): Routing;
  /** score + select in one pass. */
  route(f: Float32Array, t: Float32Array, scale: number, rho: number, shape: { B: number; N: number; C: number; D: number }): Routing;
}

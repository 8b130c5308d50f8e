// The numeric core's contract: every function BioVLM needs on floats and bytes, the same from WASM and from plain loops.
// Floats and bytes in, floats and bytes out: no I/O, no ONNX. Letters as in docs/method.md.

import type { CropBox } from "./augment/random-crop.js";

/** Which implementation answers. "reference" is the plain-loop floor, also the oracle of the tests. */
export type CoreBuild = "relaxed-simd" | "simd" | "reference";

/** 8-bit RGB pixels, row-major, no padding: data.length = width·height·3. */
export interface RgbImage {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

export interface PixelSpec {
  /** S */
  readonly size: number;
  readonly mean: readonly [number, number, number];
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

export interface CoreInfo {
  readonly build: CoreBuild;
  readonly deterministic: boolean;
}

/** Inference surface. Functions throw CoreError (`bad_shape`, `nan_input`, `out_of_memory`) with expected and got. */
export interface Core {
  readonly info: CoreInfo;
  /** PIL-exact bicubic resize of a box of the image (crop first, then resize, as torchvision's resized_crop) → [height,width,3] bytes. Goldens: augment.json "crops". */
  resizeBox(image: RgbImage, box: CropBox, width: number, height: number): Uint8Array;
  /** PIL-exact bicubic resize of the shortest side to S, centre crop: → [S,S,3] bytes. Only the crop window is computed. */
  resizeCrop(image: RgbImage, size: number): Uint8Array;
  /** resizeCrop, /255, (x−mean)/std, planar: → [3,S,S]; writes into `out` at `offset` when given (batches without a copy). */
  preprocess(image: RgbImage, spec: PixelSpec, out?: Float32Array, offset?: number): Float32Array;
  /** x [rows,D] → x/‖x‖₂ by row. A zero row is an error. */
  l2Normalize(x: Float32Array, rows: number, D: number): Float32Array;
  /** f [B,D], t [N,C,D] (both normalised), s = exp(logit scale) → z [B,N,C]. */
  score(f: Float32Array, t: Float32Array, scale: number, shape: { B: number; N: number; C: number; D: number }): Float32Array;
  softmax(x: Float32Array, rows: number, C: number): Float32Array;
  logSoftmax(x: Float32Array, rows: number, C: number): Float32Array;
  /** Entropy in nats of softmax(x) by row → [rows]. */
  entropy(x: Float32Array, rows: number, C: number): Float32Array;
  /** z [B,N,C] → entropies, the K = max(1, ⌊ρN⌋) kept prompts, their mean logits and probabilities. */
  select(logits: Float32Array, rho: number, shape: { B: number; N: number; C: number }): Routing;
  /** score + select in one pass. */
  route(f: Float32Array, t: Float32Array, scale: number, rho: number, shape: { B: number; N: number; C: number; D: number }): Routing;
}

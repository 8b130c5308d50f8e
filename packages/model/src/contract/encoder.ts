// The encoder contract: what a backend is. Read this file first.
//
// A backend runs the frozen towers of a dual encoder somewhere (a CUDA card, a WebGPU adapter, CPU threads, WASM).
// It never decides anything: normalisation, scores, entropy and selection are @biovlm/core's, the same for every backend.
// Backends are values handed in by the caller; importing a backend package registers nothing.
//
// Letters (docs/method.md): B images, S image side, D joint embedding, L text length, W text width, n rows of text.

import type { EncoderGraphs } from "./encoder-graphs.js";

/** The devices that the backends of this repository run on, the preferred first. */
export const KNOWN_DEVICES = ["cuda", "webgpu", "cpu", "wasm"] as const;

/**
 * What a backend runs on: one of {@link KNOWN_DEVICES}, or another name (lower case, e.g. "coreml") that a new backend brings along; nothing
 * central is edited for it. A named device never falls back to another one; only `auto` does, and says so.
 */
export type Device = (typeof KNOWN_DEVICES)[number] | (string & {});

/** Answer of {@link EncoderBackend.probe}. `score` orders usable backends for `auto` (higher first). */
export type Probe =
  | { readonly available: true; readonly score: number; readonly detail: string }
  | { readonly available: false; readonly reason: string };

/** What an opened encoder can do. Constant for its life; one of `openWithFailover` tells when its device, and with it this, changes. */
export interface Capabilities {
  readonly device: Device;
  /** Arithmetic of the towers. `int8` means weights and matmuls are quantised; embeddings are float32 in every case. */
  readonly precision: "fp32" | "fp16" | "int8";
  /** Rows the backend runs at once; of short texts it may be more. Larger calls are split, in order; callers need not split. */
  readonly maxBatch: number;
  /** True when {@link Encoder.encodePromptsBackward} exists and {@link Encoder.encodePrompts} can keep a tape for it. */
  readonly gradients: boolean;
  /** True when {@link Encoder.encodeImages} can keep a tape and {@link Encoder.encodeImagesBackward} exists. Absent means false. */
  readonly imageGradients?: boolean;
  /** True when the same input gives the same bytes on this machine with these settings. */
  readonly deterministic: boolean;
  /** What computes image embeddings where it is not the device's runtime: its name, and what names its bits (ImageTowers). */
  readonly imageTower?: { readonly name: string; readonly bits: string };
}

/** Float rows, row-major. `data.length` is the product of `shape`. */
export interface Embeddings {
  readonly data: Float32Array;
  /** [rows, D] */
  readonly shape: readonly [number, number];
}

/** Prompt rows for the text tower: word vectors and their mask. */
export interface PromptRows {
  /** [n, L, W] word vectors (frozen tokens and context vectors), before position and type are added. */
  readonly embeddings: Float32Array;
  /** [n, L] 1 = token, 0 = padding. Padding never changes a result; rows of like length are cheaper together. */
  readonly mask: Uint8Array;
  readonly shape: readonly [number, number, number];
}

/** What R, G, B in [0, 1] are normalised by: (x − mean) / std. A PixelSpec of core is one. */
export interface ChannelScale {
  readonly mean: readonly [number, number, number];
  /** positive */
  readonly std: readonly [number, number, number];
}

/** Images for the image tower: pixels [B,3,S,S], normalised float32, and B. */
export interface ImageRows {
  readonly pixels: Float32Array;
  readonly batch: number;
}

/** Activations kept by a call with `keep: true` for one backward pass. Holds memory until `dispose()` (idempotent). */
export interface Tape {
  dispose(): void;
}

/** What every encoder call may carry. */
export interface RunOptions {
  /** An aborted signal rejects the call with `signal.reason`, at the latest when the batch on the device has ended. */
  readonly signal?: AbortSignal | undefined;
}

/** `keep` asks for a tape. Without the capability it is refused: `not_supported`. */
export interface KeepOptions extends RunOptions {
  readonly keep?: boolean;
}

/**
 * An opened pair of towers.
 *
 * Promises every backend keeps, checked by the suite in `@biovlm/model/testing`:
 * outputs are not L2-normalised; row order is kept; input buffers are not retained or changed once the promise settles;
 * calls may overlap; zero rows in give zero rows out; an output that holds NaN, Infinity or an all-zero row is an
 * `EncoderError` (`bad_output`), never returned; after `close()` every call rejects with `EncoderError` (`closed`).
 */
export interface Encoder {
  readonly name: string;
  readonly capabilities: Capabilities;

  /** pixels [B,3,S,S] normalised float32 → image embeddings [B,D]; with `keep` (capability `imageGradients`) also a `tape`. */
  encodeImages(pixels: Float32Array, batch: number, options?: KeepOptions): Promise<Embeddings & { readonly tape?: Tape }>;

  /**
   * Bytes [B,S,S,3] as core's resizeCrop gives them, and what to normalise them by → image embeddings [B,D]: the bits of encodeImages on core's
   * normalised pixels, with a quarter of the bytes to move. Absent: `encodeRgb` of `@biovlm/model/backend` makes the pixels.
   */
  encodeRgb?(rgb: Uint8Array, batch: number, by: ChannelScale, options?: RunOptions): Promise<Embeddings>;

  /** dOut [B,D] → gradient on the pixels [B,3,S,S]. A tape is spent by the call; plain pixels are run forward again. */
  encodeImagesBackward?(from: Tape | ImageRows, dOut: Float32Array, options?: RunOptions): Promise<Float32Array>;

  /** ids [n,L] token ids (int32), mask [n,L] (1 = token) → text embeddings [n,D]. L ≤ the model's context length. */
  encodeTexts(ids: Int32Array, mask: Uint8Array, shape: readonly [number, number], options?: RunOptions): Promise<Embeddings>;

  /** Prompt rows [n,L,W] → text embeddings [n,D]; with `keep` (capability `gradients`) also the activations for the backward pass. */
  encodePrompts(rows: PromptRows, options?: KeepOptions): Promise<{ readonly out: Embeddings; readonly tape?: Tape }>;

  /** dOut [n,D] → gradient on the word vectors [n,L,W]. A tape is spent by the call; plain rows are run forward again (less memory, more time). */
  encodePromptsBackward?(from: Tape | PromptRows, dOut: Float32Array, options?: RunOptions): Promise<Float32Array>;

  /** Frees sessions and device memory. Idempotent; waits for runs in flight. */
  close(): Promise<void>;
}

/** A place where towers can run. */
export interface EncoderBackend {
  /** Unique, e.g. "cuda", "webgpu", "cpu", "wasm". What `--device` names. */
  readonly name: string;
  readonly device: Device;
  /** Cheap; never throws, never hangs beyond a few seconds; a refusal keeps the runtime's own reason. */
  probe(): Promise<Probe>;
  /** Opens a model. Memoised per `graphs` object: a second call gives the same encoder until it is closed. Sessions are made at first use. */
  open(graphs: EncoderGraphs): Promise<Encoder>;
}

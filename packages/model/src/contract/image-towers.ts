// The image tower computed by something that is no ONNX runtime, such as kernels compiled for one kind of processor: what whoever has one hands to
// a backend. It computes towers/vit.ts in int8 by rows; texts and gradients stay the runtime's.

/** One image tower, opened. Calls may overlap; a buffer that went in stays unchanged until the call has settled. */
export interface OpenImageTower {
  /** Bytes [B,S,S,3] and what to normalise them by, three numbers each → embeddings [B,D], those of runPixels on core's normalised pixels, bit for bit. */
  runRgb(rgb: Uint8Array, mean: Float32Array, std: Float32Array): Promise<Float32Array>;
  /** pixels [B,3,S,S] → embeddings [B,D], not normalised. A row depends on its own image alone: not on the others, their number, or threads. */
  runPixels(pixels: Float32Array): Promise<Float32Array>;
  /** Frees its memory. Called once, when no call is under way. */
  close(): void;
}

/** A way to open image towers in int8. */
export interface ImageTowers {
  /** For people: "native (avx512-vnni)". */
  readonly name: string;
  /** Names the numbers that come out: the same wherever they are the same bits, another one where they may differ. Part of every key of kept embeddings. */
  readonly bits: string;
  /**
   * Opens a tower. Rejects with a sentence where sizes and weights do not fit or it cannot be served. The weights are not kept.
   * @param threads processor threads that all of its calls share, from 1
   */
  open(tower: ImageTowerWeights, threads: number): Promise<OpenImageTower>;
}

/** An image tower in plain numbers. */
export interface ImageTowerWeights {
  /** image side, patch side, width, layers, heads, mlp width, embedding width */
  readonly sizes: readonly number[];
  /** float32, in the order and shapes of imageTowerShapes (towers/vit.ts): linear weights are [out, in] */
  readonly weights: readonly Float32Array[];
}

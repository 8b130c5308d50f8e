// What a backend over an ONNX runtime brings: how to make a tensor, open a model and run it there. tower-encoder.ts makes an encoder of it.

import type { ArtifactForm, OnnxArtifact } from "../contract/encoder-graphs.js";
import type { ImageTowers } from "../contract/image-towers.js";
import type { RunQueue } from "./run-queue.js";

/** A tensor of the runtime, on the host or on its device. onnxruntime's own Tensor fits. */
export interface RuntimeTensor {
  readonly dims: readonly number[];
  getData(): Promise<unknown>;
  dispose(): void;
}

/** One opened ONNX model. */
export interface TowerSession {
  run(feeds: Readonly<Record<string, RuntimeTensor>>, fetches: readonly string[]): Promise<Readonly<Record<string, RuntimeTensor>>>;
  release(): Promise<void>;
}

/** What a backend brings. */
export interface TowerRuntime {
  /** The form of artefact it opens. */
  readonly form: ArtifactForm;
  /** One for the whole runtime where it takes one load or run at a time; else a fresh one per encoder will do. */
  readonly queue: RunQueue;
  /** What one more run costs, in text tokens: how eagerly rows of unlike length share a batch. */
  readonly batchCost: number;
  /**
   * Tokens up to which more than maxBatch text rows run together; 0 unless said. Products over some hundred rows are the fastest, and rows of text
   * are short where images are not.
   */
  readonly batchTokens?: number;
  /** What computes image towers in int8 in this runtime's place, where it can, its threads, and the queue of its calls: they may overlap. */
  readonly imageTowers?: { readonly towers: ImageTowers; readonly threads: number; readonly queue: RunQueue };
  /** A tensor over `data`, float32 or, over bytes, uint8; `data` stays unchanged until the run that takes it has ended. */
  tensor(data: Float32Array | Uint8Array, dims: readonly number[]): RuntimeTensor;
  /**
   * Opens a model; `keep` names outputs that go to another model and may stay on the device. `manyShapes` says that its inputs take a new shape
   * with nearly every run, so that a plan of memory kept for each shape is of no use.
   */
  open(artifact: OnnxArtifact, keep: readonly string[], manyShapes?: boolean): Promise<TowerSession>;
}

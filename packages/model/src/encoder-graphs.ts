// What a backend is given to open: the towers of one model as ONNX artefacts, made on demand.

import type { ModelSpec } from "./spec.js";

/** One ONNX model, ready for a runtime. Large weights stay outside the protobuf, in a file beside it or in memory. */
export type OnnxArtifact =
  | {
      readonly kind: "bytes";
      readonly model: Uint8Array;
      readonly externalData?: readonly { readonly path: string; readonly data: Uint8Array }[];
    }
  | { readonly kind: "file"; readonly path: string };

/** Names of the towers' graph inputs and outputs, equal in every model. */
export const TOWER_IO = {
  image: { inputs: ["pixels"], outputs: ["embedding"] },
  textIds: { inputs: ["ids", "mask"], outputs: ["embedding"] },
  textEmbeddings: { inputs: ["embeddings", "mask"], outputs: ["embedding"] },
} as const;

/**
 * The towers of one model. `pixels` [B,3,S,S] f32 · `ids` [n,L] int32 · `mask` [n,L] f32 (1 = token) ·
 * `embeddings` [n,L,W] f32 · `embedding` [rows,D] f32.
 */
export interface EncoderGraphs {
  /** Content digest of the weights, "sha256:…". */
  readonly digest: string;
  readonly spec: ModelSpec;
  readonly precision: "fp32" | "fp16" | "int8";
  image(): Promise<OnnxArtifact>;
  textIds(): Promise<OnnxArtifact>;
  textEmbeddings(): Promise<OnnxArtifact>;
  /** Forward that also outputs the activations in `tape`, and the backward that takes them: present when the model can be trained through. */
  promptGradients?(): Promise<PromptGradientGraphs>;
}

/** Forward and backward as separate models: a runtime runs the whole graph whatever outputs are asked for. */
export interface PromptGradientGraphs {
  /** inputs `embeddings`, `mask`; outputs `embedding` and every name of `tape`. */
  readonly forward: OnnxArtifact;
  /** inputs `d_embedding` [n,D], `mask`, and every name of `tape`; output `d_embeddings` [n,L,W]. */
  readonly backward: OnnxArtifact;
  readonly tape: readonly string[];
}

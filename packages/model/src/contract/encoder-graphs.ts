// What a backend is given to open: the towers of one model as ONNX artefacts, made on demand, and the word vectors under the text tower.

import type { ModelSpec } from "../contract/model-spec.js";
import type { ImageTowerWeights } from "./image-towers.js";

/** One ONNX model, ready for a runtime. Large weights stay outside the protobuf, in a file beside it or in memory. */
export type OnnxArtifact =
  | {
      readonly kind: "bytes";
      readonly model: Uint8Array;
      readonly externalData?: readonly { readonly path: string; readonly data: Uint8Array }[];
    }
  | { readonly kind: "file"; readonly path: string };

/**
 * The form a runtime can take. `file`: a path, weights referred to in place where the model lies in files, else inline bytes.
 * `inline`: one protobuf with everything in it. `buffers`: a small protobuf and its weights as in-memory external data.
 */
export type ArtifactForm = "file" | "inline" | "buffers";

/** Names of the towers' graph inputs and outputs, equal in every model. */
export const TOWER_IO = {
  image: { inputs: ["pixels"], outputs: ["embedding"] },
  imageOfBytes: { inputs: ["rgb", "mean", "std"], outputs: ["embedding"] },
  text: { inputs: ["embeddings", "mask"], outputs: ["embedding"] },
} as const;

/**
 * The towers of one model. `pixels` [B,3,S,S] f32 · `embeddings` [n,L,W] f32 word vectors · `mask` [n,L] f32 (1 = token) ·
 * `embedding` [rows,D] f32.
 */
export interface EncoderGraphs {
  /** Content digest of the weights, "sha256:…". */
  readonly digest: string;
  readonly spec: ModelSpec;
  readonly precision: "fp32" | "fp16" | "int8";
  image(form: ArtifactForm): Promise<OnnxArtifact>;
  /**
   * The image tower behind what makes its pixels: `rgb` uint8 [B,S,S,3], `mean` and `std` f32 [3,1,1] → `embedding` [B,D]. Absent where the family's
   * tower takes pixels alone.
   */
  imageOfBytes?(form: ArtifactForm): Promise<OnnxArtifact>;
  /**
   * The image tower's sizes and weights, for what computes it without an ONNX runtime (image-towers.ts). Read anew by each call. Absent where the
   * family's tower is another one than towers/vit.ts builds.
   */
  imageWeights?(): ImageTowerWeights;
  /** The text tower from word vectors on: texts by ids are looked up with `wordVectors` first, so that one session serves both. */
  text(form: ArtifactForm): Promise<OnnxArtifact>;
  /** Rows of the word table: ids [k] → [k,W] (a fresh array). Throws `bad_argument` for an id outside the table. */
  wordVectors(ids: ArrayLike<number>): Float32Array;
  /** Forward that also outputs the activations in `tape`, and the backward that takes them: present when the model can be trained through. */
  promptGradients?(form: ArtifactForm): Promise<PromptGradientGraphs>;
}

/** Forward and backward as separate models: a runtime runs the whole graph whatever outputs are asked for. */
export interface PromptGradientGraphs {
  /** inputs `embeddings`, `mask`; outputs `embedding` and every name of `tape` that is not an input. */
  readonly forward: OnnxArtifact;
  /** inputs `d_embedding` [n,D] and every name of `tape`; output `d_embeddings` [n,L,W]. */
  readonly backward: OnnxArtifact;
  /** Activations (and inputs, by name) that the backward takes. */
  readonly tape: readonly string[];
}

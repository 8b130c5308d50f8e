// Turns a state dict into the EncoderGraphs a backend opens: towers built on demand, written in the form the backend takes.

import { type Graph, serializeModel } from "@biovlm/graph";
import type { ArtifactForm, EncoderGraphs, OnnxArtifact } from "./encoder-graphs.js";
import { imageTower } from "./image-tower.js";
import type { ModelSpec } from "./spec.js";
import { textTower } from "./text-tower.js";
import type { TowerWeights } from "./weight-view.js";
import type { WordVectors } from "./word-table.js";

/** Puts a small .onnx beside the weights file that it refers to; undefined where that folder cannot be written. */
export type PlaceBeside = (fileName: string, model: Uint8Array) => Promise<string | undefined>;

export interface TowerSource {
  readonly weights: TowerWeights;
  readonly spec: ModelSpec;
  /** "sha256:…" of the weights */
  readonly digest: string;
  readonly wordVectors: WordVectors;
  /** Where the weights lie in a file: how a model that refers to them is put beside it. */
  readonly placeBeside?: PlaceBeside;
}

/** In-memory external data of the `buffers` form, one blob. */
const BLOB = "weights.bin";

/** The graphs of one model. Nothing is built before a backend asks. */
export function towerArtifacts(source: TowerSource): EncoderGraphs {
  const { weights, spec, digest, wordVectors } = source;
  const write = (name: string, graph: Graph, form: ArtifactForm) => artifactOf(source, name, graph, form);
  return {
    digest,
    spec,
    precision: "fp32",
    wordVectors,
    image: (form) => write("image", imageTower(weights, spec), form),
    text: (form) => write("text", textTower(weights, spec, { input: "embeddings" }), form),
  };
}

async function artifactOf({ digest, placeBeside }: TowerSource, name: string, graph: Graph, form: ArtifactForm): Promise<OnnxArtifact> {
  if (form === "file" && placeBeside !== undefined) {
    const { model } = serializeModel(graph);
    const path = await placeBeside(`biovlm-${name}-${digest.replace(/^sha256:/, "").slice(0, 12)}.onnx`, model);
    if (path !== undefined) return { kind: "file", path };
  }
  if (form !== "buffers") return { kind: "bytes", model: serializeModel(graph, { references: "copy" }).model };
  const { model, external } = serializeModel(graph, { references: "copy", external: { location: BLOB } });
  if (external === undefined) return { kind: "bytes", model };
  const data = new Uint8Array(external.byteLength);
  let at = 0;
  for (const chunk of external.chunks()) {
    data.set(chunk, at);
    at += chunk.byteLength;
  }
  return { kind: "bytes", model, externalData: [{ path: BLOB, data }] };
}

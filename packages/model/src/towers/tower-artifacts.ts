// Turns a state dict into the EncoderGraphs a backend opens: towers built on demand, written in the form the backend takes.

import { convertToFloat16, differentiate, type Graph, quantizeRowInt8, serializeModel } from "@biovlm/graph";
import type { ArtifactForm, EncoderGraphs, OnnxArtifact } from "../contract/encoder-graphs.js";
import type { ModelSpec } from "../contract/model-spec.js";
import type { WordVectors } from "../text/word-table.js";
import type { TowerWeights } from "../weights/weight-view.js";
import { withRgbInput } from "./rgb-input.js";
import { imageTowerWeights } from "./vit.js";

/** Puts a small .onnx beside the weights file that it refers to; undefined where that folder cannot be written. */
export type PlaceBeside = (fileName: string, model: Uint8Array) => Promise<string | undefined>;

/** Bytes under a key; an entry that is damaged is to be absent, and neither call may reject. A ByteStore of @biovlm/files behind a check. */
export interface KeptTowers {
  get(key: string): Promise<Uint8Array | undefined>;
  put(key: string, bytes: Uint8Array): Promise<void>;
}

/** A model's towers as graphs still to be built, with what identifies them. */
export interface TowerSource {
  /** Builds the image tower: `pixels` → `embedding`. */
  image(): Graph;
  /** The weights of `image` by the names of imageTowerShapes, where it is imageTower of vit.ts. */
  readonly imageWeights?: (() => TowerWeights) | undefined;
  /** Builds the text tower from word vectors on: `embeddings`, `mask` → `embedding`. */
  text(): Graph;
  readonly spec: ModelSpec;
  /** "sha256:…" of the weights */
  readonly digest: string;
  readonly wordVectors: WordVectors;
  /** Arithmetic of the towers; "fp32" unless said. int8 is the image tower's alone: banks are encoded once, images always. */
  readonly precision?: EncoderGraphs["precision"] | undefined;
  /** Where the weights lie in a file: how a model that refers to them is put beside it. */
  readonly placeBeside?: PlaceBeside | undefined;
  /** Where towers in reduced precision are kept by the model's digest: reducing a full-size tower takes seconds, reading it does not. */
  readonly kept?: KeptTowers | undefined;
}

/** In-memory external data of the `buffers` form, one blob. */
const BLOB = "weights.bin";
/** Of how towers are built and reduced: raised where either changes, so that towers and embeddings kept before are not taken. */
export const TOWERS_BUILT = 5;

/** The graphs of one model. Nothing is built before a backend asks. Gradients run in float32 whatever the precision. */
export function towerArtifacts(source: TowerSource): EncoderGraphs {
  const { spec, digest, wordVectors, imageWeights, precision = "fp32" } = source;
  const write = (name: string, graph: Graph, form: ArtifactForm) => artifactOf(source, name, graph, form);
  const reduced = async (name: string, build: () => Graph, form: ArtifactForm, reduce: (graph: Graph) => Graph): Promise<OnnxArtifact> => {
    // one blob in every form but that with weights apart
    const key = form === "buffers" ? undefined : `towers/${TOWERS_BUILT}-${name}-${precision}-${digest.replace(/^sha256:/, "")}`;
    const before = key === undefined ? undefined : await source.kept?.get(key);
    if (before !== undefined) return { kind: "bytes", model: before };
    const artifact = await artifactOf({ ...source, placeBeside: undefined }, `${name}-${precision}`, reduce(build()), form);
    if (key !== undefined && artifact.kind === "bytes") await source.kept?.put(key, artifact.model);
    return artifact;
  };
  const ofImages = precision === "int8" ? quantizeRowInt8 : convertToFloat16;
  return {
    digest,
    spec,
    precision,
    wordVectors,
    image(form) {
      if (precision === "fp32") return write("image", source.image(), form);
      return reduced("image", () => source.image(), form, ofImages);
    },
    imageOfBytes(form) {
      const tower = (graph: Graph) => withRgbInput(graph, spec.vision.imageSize);
      if (precision === "fp32") return write("image-rgb", tower(source.image()), form);
      // reduced before: what makes pixels stays float32
      return reduced(
        "image-rgb",
        () => source.image(),
        form,
        (graph) => tower(ofImages(graph)),
      );
    },
    ...(imageWeights === undefined ? {} : { imageWeights: () => imageTowerWeights(imageWeights(), spec) }),
    text: (form) =>
      precision === "fp16" ? reduced("text", () => source.text(), form, convertToFloat16) : write("text", source.text(), form),
    async promptGradients(form) {
      const { forward, backward } = differentiate(source.text(), { outputs: ["embedding"], wrt: ["embeddings"] });
      return {
        forward: await write("text-forward", forward, form),
        backward: await write("text-backward", backward, form),
        tape: backward.inputs.map((input) => input.name).filter((name) => name !== "d_embedding"),
      };
    },
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

// Graph → ONNX protobuf. The subset written: ModelProto {ir_version, producer_name, graph, opset_import, metadata_props}, GraphProto {node,
// name, initializer, input, output, value_info}, NodeProto, AttributeProto (FLOAT, INT, STRING, TENSOR, FLOATS, INTS), TensorProto
// (raw_data or external_data), tensor types only. Field numbers are those of onnx.proto (IR version 9).
// Weights above a threshold go to an external file, so that a model of any size keeps a protobuf of kilobytes; tensors that already lie in
// a file are referred to where they are.

import { GraphError } from "./errors.js";
import { checkExternalLocation } from "./external-location.js";
import { type Attribute, DTYPE_CODE, type Graph, type Node, type Tensor, type Value } from "./graph.js";
import { WireWriter } from "./wire-writer.js";

/** How to write a model. */
export interface SerializeOptions {
  /** Put initializers of at least `thresholdBytes` (default 1024) into one file of this name beside the model. */
  readonly external?: { readonly location: string; readonly thresholdBytes?: number };
  /** Tensors that already lie in a file: refer to them there (default) or copy their bytes. */
  readonly references?: "keep" | "copy";
  /** Free text for tools, as ONNX metadata_props. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A written model. */
export interface SerializedModel {
  /** The .onnx file's bytes. */
  readonly model: Uint8Array;
  /** The external file, where one was asked for and needed: its name, size, and bytes chunk by chunk, to be written in order. */
  readonly external?: { readonly location: string; readonly byteLength: number; chunks(): Iterable<Uint8Array> };
  /** Names of the files that must lie beside the model and are not written here. */
  readonly references: readonly string[];
}

/** Start of a tensor inside the external file: a page, so that runtimes may map it. */
const ALIGNMENT = 4096;

/**
 * Writes a graph as an ONNX model.
 * Throws `too_large` when the protobuf would pass 2 GiB and `unsafe_location` for external names outside the model's folder.
 * @example const { model } = serializeModel(builder.build());
 */
export function serializeModel(graph: Graph, options: SerializeOptions = {}): SerializedModel {
  const { external, references = "keep", metadata = {} } = options;
  const threshold = external?.thresholdBytes ?? 1024;
  if (external !== undefined) checkExternalLocation(external.location);
  const referenced = new Set<string>();
  const placed: { tensor: Tensor; offset: number }[] = [];
  let end = 0;

  const g = new WireWriter();
  for (const n of graph.nodes) g.message(1, writeNode(n));
  g.string(2, graph.name);
  for (const [name, tensor] of graph.initializers) {
    if (tensor.external !== undefined && references === "keep") {
      const { location, offset, length } = tensor.external;
      checkExternalLocation(location);
      if (location === external?.location) {
        throw new GraphError(
          "duplicate_name",
          `external location — expected a file of its own, got "${location}", which weights already lie in. Choose another.`,
        );
      }
      referenced.add(location);
      g.message(5, writeTensor(name, tensor, { location, offset, length }));
    } else if (external !== undefined && tensor.byteLength >= threshold) {
      const offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
      placed.push({ tensor, offset });
      end = offset + tensor.byteLength;
      g.message(5, writeTensor(name, tensor, { location: external.location, offset, length: tensor.byteLength }));
    } else {
      g.message(5, writeTensor(name, tensor));
    }
  }
  for (const v of graph.inputs) g.message(11, writeValue(v));
  for (const o of graph.outputs) g.message(12, writeValue(o.value));
  const declared = new Set([...graph.inputs.map((v) => v.name), ...graph.outputs.map((o) => o.name), ...graph.initializers.keys()]);
  for (const v of graph.values.values()) if (!declared.has(v.name)) g.message(13, writeValue(v));

  const m = new WireWriter()
    .int(1, graph.irVersion)
    .string(2, "biovlm")
    .message(7, g)
    .message(8, new WireWriter().string(1, "").int(2, graph.opset));
  if (graph.nodes.some((n) => n.domain === "com.microsoft")) m.message(8, new WireWriter().string(1, "com.microsoft").int(2, 1));
  for (const [key, value] of Object.entries(metadata)) m.message(14, new WireWriter().string(1, key).string(2, value));

  const model = m.finish();
  const result = { model, references: [...referenced] };
  if (external === undefined || placed.length === 0) return result;
  return { ...result, external: { location: external.location, byteLength: end, chunks: () => chunksOf(placed) } };
}

function* chunksOf(placed: readonly { tensor: Tensor; offset: number }[]): Iterable<Uint8Array> {
  let at = 0;
  for (const { tensor, offset } of placed) {
    if (offset > at) yield new Uint8Array(offset - at);
    const bytes = tensor.bytes();
    if (bytes.byteLength !== tensor.byteLength) {
      throw new GraphError(
        "malformed_model",
        `tensor bytes — expected ${tensor.byteLength}, got ${bytes.byteLength}. The tensor's reader is wrong.`,
      );
    }
    yield bytes;
    at = offset + tensor.byteLength;
  }
}

function writeNode(n: Node): WireWriter {
  const w = new WireWriter();
  for (const name of n.inputs) w.string(1, name);
  for (const name of n.outputs) w.string(2, name);
  w.string(4, n.op);
  for (const [name, attribute] of Object.entries(n.attributes)) w.message(5, writeAttribute(name, attribute));
  if (n.domain !== "") w.string(7, n.domain);
  return w;
}

function writeAttribute(name: string, a: Attribute): WireWriter {
  const w = new WireWriter().string(1, name);
  if ("float" in a) return w.float(2, a.float).int(20, 1);
  if ("int" in a) return w.int(3, a.int).int(20, 2);
  if ("string" in a) return w.string(4, a.string).int(20, 3);
  if ("tensor" in a) return w.message(5, writeTensor("", a.tensor)).int(20, 4);
  if ("floats" in a) {
    for (const x of a.floats) w.float(7, x);
    return w.int(20, 6);
  }
  for (const x of a.ints) w.int(8, x);
  return w.int(20, 7);
}

function writeTensor(name: string, tensor: Tensor, at?: { location: string; offset: number; length: number }): WireWriter {
  const w = new WireWriter();
  for (const d of tensor.shape) w.int(1, d);
  w.int(2, DTYPE_CODE[tensor.dtype]);
  if (name !== "") w.string(8, name);
  if (at === undefined) return w.payload(9, { byteLength: tensor.byteLength, bytes: () => tensor.bytes() });
  for (const key of ["location", "offset", "length"] as const) w.message(13, new WireWriter().string(1, key).string(2, String(at[key])));
  return w.int(14, 1);
}

function writeValue(v: Value): WireWriter {
  const shape = new WireWriter();
  for (const d of v.shape) shape.message(1, typeof d === "number" ? new WireWriter().int(1, d) : new WireWriter().string(2, d));
  const tensorType = new WireWriter().int(1, DTYPE_CODE[v.dtype]).message(2, shape);
  return new WireWriter().string(1, v.name).message(2, new WireWriter().message(1, tensorType));
}

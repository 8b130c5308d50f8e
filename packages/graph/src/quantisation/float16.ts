// A float32 graph computed in float16, inputs and outputs kept float32: for WebGPU adapters with shader-f16, at half the memory.

import { intAttribute } from "../attributes.js";
import { f32 } from "../elements.js";
import { GraphError } from "../errors.js";
import { DTYPE_CODE, type Graph, type Node, type Tensor } from "../graph.js";
import { GraphEdit } from "../graph-edit.js";
import { arrayOf, lazyTensor, toFloat16 } from "../tensor.js";

/** Operators that are float32 by definition. */
const FLOAT32_ONLY = ["DynamicQuantizeLinear", "QuantizeLinear", "MatMulInteger", "MatMulIntegerToFloat", "DequantizeLinear"];

/** The tensor's numbers in float16, rounded when asked for; beyond ±65504 they saturate. */
function half(tensor: Tensor): Tensor {
  return lazyTensor("float16", tensor.shape, () => {
    const from = arrayOf(tensor) as Float32Array;
    const out = new Uint16Array(from.length);
    for (let i = 0; i < out.length; i++) out[i] = toFloat16(f32(from, i));
    return new Uint8Array(out.buffer);
  });
}

/**
 * Converts every float32 value inside the graph to float16; weights are rounded when written. For inference: gradients underflow float16.
 * Throws `bad_argument` for a graph in dynamic int8 (weight-only ones convert).
 */
export function convertToFloat16(graph: Graph): Graph {
  const barred = graph.nodes.find((n) => FLOAT32_ONLY.includes(n.op));
  if (barred !== undefined) {
    throw new GraphError(
      "bad_argument",
      `convertToFloat16 — expected float operators, got ${barred.op}. Convert the graph before quantising it.`,
    );
  }
  const edit = new GraphEdit(graph);
  const renamed = new Map<string, string>();
  const isFloat = (name: string) => graph.values.get(name)?.dtype === "float32";
  const outputs = graph.outputs.filter((o) => isFloat(o.name)).map((o) => o.value);
  for (const v of graph.values.values()) if (v.dtype === "float32") edit.values.set(v.name, { ...v, dtype: "float16" });
  for (const [name, tensor] of graph.initializers) if (tensor.dtype === "float32") edit.initializers.set(name, half(tensor));
  for (const v of [...graph.inputs, ...outputs]) edit.values.set(v.name, v);

  for (const v of graph.inputs) {
    if (v.dtype !== "float32") continue;
    renamed.set(v.name, edit.node("Cast", [v.name], { dtype: "float16", shape: v.shape }, to("float16", `${v.name}/half`)));
  }
  for (const v of outputs) {
    if (renamed.has(v.name)) continue;
    const name = edit.fresh(`${v.name}/half`);
    edit.values.set(name, { name, dtype: "float16", shape: v.shape });
    renamed.set(v.name, name);
    const tensor = edit.initializers.get(v.name);
    if (tensor !== undefined) {
      edit.initializers.delete(v.name);
      edit.initializers.set(name, tensor);
    }
  }
  const now = (name: string) => renamed.get(name) ?? name;
  for (const n of graph.nodes) edit.nodes.push({ ...converted(n), inputs: n.inputs.map(now), outputs: n.outputs.map(now) });
  for (const v of outputs) if (!graph.inputs.includes(v)) edit.node("Cast", [now(v.name)], v, { ...to("float32"), name: v.name });
  return edit.finish();
}

function converted(n: Node): Node {
  const toFloat = n.op === "Cast" && intAttribute(n, "to", 0) === DTYPE_CODE.float32;
  return toFloat ? { ...n, attributes: { ...n.attributes, to: { int: DTYPE_CODE.float16 } } } : n;
}

function to(dtype: "float16" | "float32", stem?: string) {
  return { attributes: { to: { int: DTYPE_CODE[dtype] } }, ...(stem === undefined ? {} : { stem }) };
}

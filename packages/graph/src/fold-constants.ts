// Replaces what depends on constants alone by its value, computed by the float64 evaluator and rounded once to the declared type.

import { printShape } from "./dims.js";
import { GraphError } from "./errors.js";
import type { NumberArray } from "./evaluation/arrays.js";
import { evaluateNode, hasEvaluationRule } from "./evaluation/evaluate.js";
import type { DType, Graph, Node, Tensor } from "./graph.js";
import { GraphEdit } from "./graph-edit.js";
import { ELEMENT_BYTES, elementCount, type TensorArray, tensorOf, toFloat16 } from "./tensor.js";

/** What is worth folding. */
export interface FoldOptions {
  /** Nodes that read or make a tensor above this many bytes stay (default 1 MiB): folding must not grow the file. */
  readonly maxBytes?: number;
}

/**
 * Folds constants: nodes whose inputs are all initializers, and Shape of a value of known sizes. Nodes that make a graph output stay, as do
 * operators without an evaluation rule.
 */
export function foldConstants(graph: Graph, { maxBytes = 2 ** 20 }: FoldOptions = {}): Graph {
  const edit = new GraphEdit(graph);
  const outputs = new Set(graph.outputs.map((o) => o.name));
  for (const n of graph.nodes) {
    const results = n.outputs.some((name) => outputs.has(name))
      ? undefined
      : folded({ ...graph, initializers: edit.initializers }, n, maxBytes);
    if (results === undefined) edit.nodes.push(n);
    else for (const [name, tensor] of results) edit.initializers.set(name, tensor);
  }
  return edit.finish();
}

function folded(graph: Graph, n: Node, maxBytes: number): [string, Tensor][] | undefined {
  const arrays = new Map<string, NumberArray>();
  if (n.op === "Shape") {
    const x = graph.values.get(n.inputs[0] ?? "");
    if (x === undefined || !x.shape.every((d) => typeof d === "number")) return undefined;
    arrays.set(x.name, { dtype: x.dtype, shape: x.shape, data: new Float64Array(0) });
  } else if (!n.inputs.every((name) => name === "" || (graph.initializers.get(name)?.byteLength ?? Number.POSITIVE_INFINITY) <= maxBytes)) {
    return undefined;
  }
  const declared = n.outputs.map((name) => graph.values.get(name)).filter((v) => v !== undefined);
  if (!hasEvaluationRule(n) || declared.length < n.outputs.length) return undefined;
  const bytes = declared.map((v) =>
    v.shape.every((d) => typeof d === "number") ? elementCount(v.shape as number[]) * ELEMENT_BYTES[v.dtype] : 0,
  );
  if (bytes.some((size) => size > maxBytes)) return undefined;
  evaluateNode(graph, n, arrays);
  return declared.map((v) => {
    const made = arrays.get(v.name);
    if (
      made === undefined ||
      made.shape.length !== v.shape.length ||
      !made.shape.every((d, i) => typeof v.shape[i] === "string" || d === v.shape[i])
    ) {
      throw new GraphError(
        "shape_mismatch",
        `${n.op} — expected ${printShape(v.shape)}, got ${printShape(made?.shape ?? [])}. The graph is not valid.`,
      );
    }
    return [v.name, tensorOf(v.dtype, made.shape, rounded(v.dtype, made.data))];
  });
}

function rounded(dtype: DType, data: Float64Array): TensorArray {
  switch (dtype) {
    case "float64":
      return data;
    case "float32":
      return Float32Array.from(data);
    case "float16":
      return Uint16Array.from(data, toFloat16);
    case "int64":
      return BigInt64Array.from(Array.from(data, BigInt));
    case "int32":
      return Int32Array.from(data);
    case "int8":
      return Int8Array.from(data);
    default:
      return Uint8Array.from(data);
  }
}

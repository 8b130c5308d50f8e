// Reverse mode over the graph value: from the gradients of some outputs to the gradients of wanted values, as an ordinary ONNX graph.
// Only what lies between the two is visited: what leads to nothing wanted (frozen weights, masks) costs nothing.

import { named, nth } from "../elements.js";
import { GraphError } from "../errors.js";
import type { DType, Graph, Node, Value } from "../graph.js";
import { numbersOf } from "../tensor.js";
import { BackwardBuilder } from "./backward-builder.js";
import * as elementwise from "./elementwise.js";
import * as layout from "./layout.js";
import * as products from "./products.js";
import type { DerivativeCall, DerivativeRule } from "./rule.js";

const RULES = new Map<string, DerivativeRule>([
  ["MatMul", products.matmul],
  ["Gemm", products.gemm],
  ["Add", elementwise.add],
  ["Sub", elementwise.sub],
  ["Mul", elementwise.mul],
  ["Div", elementwise.div],
  ["Pow", elementwise.pow],
  ["Exp", elementwise.exp],
  ["Log", elementwise.log],
  ["Sqrt", elementwise.sqrt],
  ["Tanh", elementwise.tanh],
  ["Erf", elementwise.erf],
  ["Gelu", elementwise.gelu],
  ["Neg", elementwise.neg],
  ["Cast", elementwise.cast],
  ["Where", elementwise.where],
  ["Softmax", elementwise.softmax],
  ["LayerNormalization", elementwise.layerNormalization],
  ["ReduceSum", elementwise.reduceSum],
  ["ReduceMean", elementwise.reduceMean],
  ["ReduceMax", elementwise.reduceMax],
  ["Identity", layout.reshape],
  ["Reshape", layout.reshape],
  ["Squeeze", layout.reshape],
  ["Unsqueeze", layout.reshape],
  ["Transpose", layout.transpose],
  ["Expand", layout.expand],
  ["Gather", layout.gather],
  ["ScatterND", layout.scatterRows],
  ["Concat", layout.concat],
  ["Slice", layout.slice],
  ["Split", layout.split],
]);

const FLOATS: readonly DType[] = ["float32", "float16", "float64"];

/** What to differentiate. */
export interface DifferentiateOptions {
  /** Names of the outputs whose gradients will be given. */
  readonly outputs: readonly string[];
  /** Names of the values whose gradients are wanted: inputs, weights or activations. */
  readonly wrt: readonly string[];
  /** Recompute the forward inside the backward graph instead of taking a tape. */
  readonly recompute?: boolean;
}

/** A graph and its derivative. Names in `backward` are those of the forward graph; gradients are `d_<name>`. */
export interface Derivative {
  /** The original graph with the tape's values as further outputs. */
  readonly forward: Graph;
  /** Inputs: `d_<output>`, every name of `tape`, and those forward inputs the derivative needs. Outputs: `d_<wrt>`, in the values' shapes. */
  readonly backward: Graph;
  /** Forward values the backward graph takes as inputs; empty under `recompute`. */
  readonly tape: readonly string[];
}

/**
 * Derives the backward graph of `graph`.
 * Throws `unknown_value` for names the graph does not hold and `not_differentiable` for an operator without a rule on the way, for integers,
 * and for wanted values that no output depends on.
 * @example
 * const { forward, backward, tape } = differentiate(tower, { outputs: ["embedding"], wrt: ["embeddings"] });
 */
export function differentiate(graph: Graph, options: DifferentiateOptions): Derivative {
  const { outputs, wrt, recompute = false } = options;
  const wanted = new Set(wrt);
  for (const name of [...outputs, ...wrt]) checkFloat(graph, name);
  let prefix = "d/";
  while ([...graph.values.keys()].some((name) => name.startsWith(prefix))) prefix = `d/${prefix}`;
  const b = new BackwardBuilder(graph, recompute, prefix);

  const active = activeValues(graph, wanted);
  const grads = new Map<string, Value>();
  for (const name of new Set(outputs)) {
    const value = named(graph.values, name);
    if (active.has(name)) grads.set(name, b.input(`d_${name}`, value.dtype, value.shape));
  }
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    const node = nth(graph.nodes, i);
    const leads = node.inputs.some((name) => active.has(name));
    if (leads && node.outputs.some((name) => grads.has(name))) back(graph, node, b, active, grads);
  }
  for (const name of wanted) {
    const grad = grads.get(name);
    if (grad === undefined) {
      throw new GraphError(
        "not_differentiable",
        `gradient of "${name}" — expected a value that ${outputs.join(", ")} depends on, got none. Check both names.`,
      );
    }
    b.output(`d_${name}`, grad);
  }
  const backward = b.build();
  const tape = b.tape.filter((name) => backward.nodes.some((n) => n.inputs.includes(name)));
  const kept = { ...backward, inputs: backward.inputs.filter((v) => !b.tape.includes(v.name) || tape.includes(v.name)) };
  const extra = tape
    .filter((name) => !graph.outputs.some((o) => o.name === name))
    .map((name) => ({ name, value: named(graph.values, name) }));
  return { forward: { ...graph, outputs: [...graph.outputs, ...extra] }, backward: kept, tape };
}

function checkFloat(graph: Graph, name: string): void {
  const value = graph.values.get(name);
  if (value === undefined)
    throw new GraphError("unknown_value", `differentiate — expected a value of ${graph.name}, got "${name}". Check the name.`);
  if (!FLOATS.includes(value.dtype))
    throw new GraphError("not_differentiable", `gradient of "${name}" — expected a float value, got ${value.dtype}. Choose another.`);
}

/** Values that a wanted one leads to, the wanted ones included. */
function activeValues(graph: Graph, wanted: ReadonlySet<string>): Set<string> {
  const active = new Set(wanted);
  for (const node of graph.nodes) {
    if (!node.inputs.some((name) => active.has(name))) continue;
    for (const name of node.outputs) if (FLOATS.includes(graph.values.get(name)?.dtype ?? "int64")) active.add(name);
  }
  return active;
}

function back(graph: Graph, node: Node, b: BackwardBuilder, active: ReadonlySet<string>, grads: Map<string, Value>): void {
  const rule = RULES.get(node.op);
  if (rule === undefined || node.domain !== "") {
    throw new GraphError(
      "not_differentiable",
      `differentiate — expected operators with a derivative rule, got ${node.domain}${node.domain && ":"}${node.op}. Compose it of others.`,
    );
  }
  const dys = node.outputs.map((name) => grads.get(name));
  const declared = (name: string): Value => graph.values.get(name) ?? { name, dtype: "float32", shape: [] };
  const give = (i: number, dx: Value): void => {
    const name = nth(node.inputs, i);
    const before = grads.get(name);
    grads.set(name, before === undefined ? dx : b.add(before, dx));
  };
  const call: DerivativeCall = {
    b,
    node,
    inputs: node.inputs.map(declared),
    outputs: node.outputs.map(declared),
    get dy() {
      const first = dys[0];
      if (first === undefined)
        throw new GraphError(
          "not_differentiable",
          `${node.op} — expected a gradient of its first output, got one of another only. Use the first.`,
        );
      return first;
    },
    dys,
    wants: (i) => active.has(node.inputs[i] ?? ""),
    constant: (i) => {
      const tensor = graph.initializers.get(node.inputs[i] ?? "");
      return tensor === undefined ? undefined : Array.from(numbersOf(tensor));
    },
    x: (i) => b.need(nth(node.inputs, i)),
    y: (i) => b.need(nth(node.outputs, i)),
    pending: (i) => grads.get(nth(node.inputs, i)),
    replace: (i, total) => void grads.set(nth(node.inputs, i), total),
    give,
  };
  rule(call);
}

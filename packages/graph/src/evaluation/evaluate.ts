// Runs a graph in plain float64 loops: the oracle of tests and of derivatives, and the engine of constant folding. It is slow on purpose
// (every rule is the definition) and rounds nothing, so it says what a graph means, not what float32 makes of it.

import { floatAttribute, intAttribute, intsAttribute, stringAttribute } from "../attributes.js";
import { printShape } from "../dims.js";
import { nth } from "../elements.js";
import { GraphError } from "../errors.js";
import type { Graph, Node } from "../graph.js";
import { elementCount, numbersOf, type TensorArray } from "../tensor.js";
import type { Call, EvaluationRule, NumberArray } from "./arrays.js";
import { elementwiseRules } from "./elementwise.js";
import { layoutRules } from "./layout.js";
import { productRules } from "./products.js";

const RULES = new Map<string, EvaluationRule>(Object.entries({ ...elementwiseRules, ...layoutRules, ...productRules }));

/** One input: its concrete shape and elements, any array of numbers (bigint for int64). */
export interface Feed {
  readonly shape: readonly number[];
  readonly data: TensorArray | readonly number[];
}

/** One result, all elements as float64. */
export interface Evaluated {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/**
 * Evaluates a graph in float64.
 * @param feeds one Feed for each graph input; symbols must get one size each.
 * @param wanted names of any values; the graph's outputs unless given.
 * @returns each wanted value by name.
 * Throws `unknown_value`, `shape_mismatch`, `unsupported_operator`.
 */
export function evaluate(graph: Graph, feeds: Readonly<Record<string, Feed>>, wanted?: readonly string[]): Record<string, Evaluated> {
  const arrays = new Map<string, NumberArray>();
  const symbols = new Map<string, number>();
  for (const input of graph.inputs) {
    const feed = Object.hasOwn(feeds, input.name) ? feeds[input.name] : undefined;
    if (feed === undefined)
      throw new GraphError(
        "unknown_value",
        `evaluate — expected a feed for "${input.name}" ${printShape(input.shape)}, got none. Pass it.`,
      );
    const fits = feed.shape.length === input.shape.length && elementCount(feed.shape) === feed.data.length;
    const agrees = input.shape.every((d, i) => {
      if (typeof d === "number") return d === feed.shape[i];
      if (!symbols.has(d)) symbols.set(d, nth(feed.shape, i));
      return symbols.get(d) === feed.shape[i];
    });
    if (!fits || !agrees) {
      const got = `${printShape(feed.shape)} with ${feed.data.length} elements`;
      throw new GraphError("shape_mismatch", `feed "${input.name}" — expected ${printShape(input.shape)}, got ${got}. Check the sizes.`);
    }
    const data =
      feed.data instanceof BigInt64Array ? Float64Array.from(feed.data, Number) : Float64Array.from(feed.data as ArrayLike<number>);
    arrays.set(input.name, { dtype: input.dtype, shape: feed.shape, data });
  }
  const names = wanted ?? graph.outputs.map((o) => o.name);
  const lastUse = new Map<string, Node>();
  for (const n of graph.nodes) for (const name of n.inputs) lastUse.set(name, n);
  const keep = new Set(names);

  for (const n of graph.nodes) {
    evaluateNode(graph, n, arrays);
    for (const name of n.inputs) if (lastUse.get(name) === n && !keep.has(name)) arrays.delete(name);
  }
  return Object.fromEntries(
    names.map((name) => {
      const { shape, data } = arrayNamed(graph, name, arrays);
      return [name, { shape, data }];
    }),
  );
}

/** Whether the evaluator knows the operator. */
export function hasEvaluationRule(n: Node): boolean {
  return RULES.has(n.op);
}

/** Runs one node: reads its inputs from `arrays` or the initializers, adds its outputs to `arrays`. */
export function evaluateNode(graph: Graph, n: Node, arrays: Map<string, NumberArray>): void {
  const rule = RULES.get(n.op);
  if (rule === undefined)
    throw new GraphError("unsupported_operator", `evaluate — expected an operator with a rule, got ${n.op}. Add one in src/evaluation.`);
  const inputs = n.inputs.map((name) => (name === "" ? undefined : arrayNamed(graph, name, arrays)));
  const dtypes = n.outputs.map((name) => graph.values.get(name)?.dtype ?? "float32");
  const results = rule(callOf(n, inputs, dtypes));
  n.outputs.forEach((name, i) => {
    const result = results[i];
    if (name !== "" && result !== undefined) arrays.set(name, result);
  });
}

function arrayNamed(graph: Graph, name: string, arrays: Map<string, NumberArray>): NumberArray {
  const known = arrays.get(name);
  if (known !== undefined) return known;
  const tensor = graph.initializers.get(name);
  if (tensor === undefined)
    throw new GraphError("unknown_value", `evaluate — expected a value "${name}", got none of that name before its use. Check the graph.`);
  const made = { dtype: tensor.dtype, shape: tensor.shape, data: numbersOf(tensor) };
  arrays.set(name, made);
  return made;
}

function callOf(n: Node, inputs: Call["inputs"], dtypes: Call["dtypes"]): Call {
  return {
    op: n.op,
    inputs,
    dtypes,
    int: (name, fallback) => intAttribute(n, name, fallback),
    float: (name, fallback) => floatAttribute(n, name, fallback),
    ints: (name) => intsAttribute(n, name),
    string: (name, fallback) => stringAttribute(n, name, fallback),
  };
}

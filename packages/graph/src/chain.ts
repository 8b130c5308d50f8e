// Two graphs one behind the other as one: what the first gives, the second takes, by name. Nothing is computed or simplified.

import { GraphError } from "./errors.js";
import type { Graph, Node, Tensor, Value } from "./graph.js";

/**
 * `second` fed by `first`: each output of `first` is the input of `second` of that name, and an input no longer. Inputs of both stay inputs, the
 * first's before; outputs are the second's.
 * @throws GraphError `bad_argument` where an output of `first` is no input of `second`, `dtype_mismatch`, `shape_mismatch` in rank
 * @example const tower = chained(normalising, imageTower(weights, spec)); // rgb → pixels → embedding
 */
export function chained(first: Graph, second: Graph): Graph {
  const given = new Map(first.outputs.map(({ name, value }) => [name, value]));
  for (const [name, value] of given) checkJoint(name, value, second.inputs);
  // names within the first are its own: the second may have the same
  const outer = new Set(first.inputs.map((value) => value.name));
  const joints = new Map(first.outputs.map(({ name, value }) => [value.name, name]));
  const renamed = (name: string) => (name === "" || outer.has(name) ? name : (joints.get(name) ?? `${first.name}/${name}`));
  for (const name of outer) {
    if (second.values.has(name)) throw new GraphError("bad_argument", `chained — expected names apart, got ${name} in both. Rename one.`);
  }
  const nodes: Node[] = first.nodes.map((n) => ({ ...n, inputs: n.inputs.map(renamed), outputs: n.outputs.map(renamed) }));
  const initializers = new Map<string, Tensor>([...first.initializers].map(([name, tensor]) => [renamed(name), tensor]));
  const values = new Map<string, Value>([...first.values].map(([name, value]) => [renamed(name), { ...value, name: renamed(name) }]));
  return {
    ...second,
    inputs: [...first.inputs, ...second.inputs.filter((value) => !given.has(value.name))],
    nodes: [...nodes, ...second.nodes],
    initializers: new Map([...initializers, ...second.initializers]),
    values: new Map([...values, ...second.values]),
  };
}

function checkJoint(name: string, { dtype, shape }: Value, inputs: readonly Value[]): void {
  const to = inputs.find((value) => value.name === name);
  if (to === undefined) {
    throw new GraphError(
      "bad_argument",
      `chained — expected an input ${name} in the second graph, got none. Name the output as the input.`,
    );
  }
  if (to.dtype !== dtype) throw new GraphError("dtype_mismatch", `chained ${name} — expected ${to.dtype}, got ${dtype}. Cast first.`);
  const fits =
    to.shape.length === shape.length && to.shape.every((d, i) => typeof d === "string" || typeof shape[i] === "string" || d === shape[i]);
  if (!fits) throw new GraphError("shape_mismatch", `chained ${name} — expected [${to.shape}], got [${shape}]. Reshape first.`);
}

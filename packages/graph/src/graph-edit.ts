// A changed copy of a graph under way: nodes kept or replaced one by one, in order. What folding, quantisation and conversion share.

import { named } from "./elements.js";
import type { Attribute, DType, Graph, Node, Tensor, Value } from "./graph.js";

/** Starts from a graph's inputs, initializers and values; nodes are appended by the caller. */
export class GraphEdit {
  readonly nodes: Node[] = [];
  readonly initializers: Map<string, Tensor>;
  readonly values: Map<string, Value>;
  private readonly graph: Graph;
  private readonly constants = new Map<Tensor, string>();
  private readonly counters = new Map<string, number>();

  constructor(graph: Graph) {
    this.graph = graph;
    this.initializers = new Map(graph.initializers);
    this.values = new Map(graph.values);
  }

  /** A name no value has. */
  fresh(stem: string): string {
    for (;;) {
      const n = (this.counters.get(stem) ?? 0) + 1;
      this.counters.set(stem, n);
      const name = n === 1 ? stem : `${stem}_${n}`;
      if (!this.values.has(name)) return name;
    }
  }

  /** An initializer; the same Tensor object is added once. @returns its name. */
  constant(tensor: Tensor, stem: string): string {
    const known = this.constants.get(tensor);
    if (known !== undefined) return known;
    const name = this.fresh(stem);
    this.constants.set(tensor, name);
    this.initializers.set(name, tensor);
    this.values.set(name, { name, dtype: tensor.dtype, shape: tensor.shape });
    return name;
  }

  /** Appends an operator with one output of this type; `name` reuses a name the replaced node had. @returns the output's name. */
  node(
    op: string,
    inputs: readonly string[],
    type: { dtype: DType; shape: Value["shape"] },
    options: { attributes?: Readonly<Record<string, Attribute>>; domain?: string; stem?: string; name?: string } = {},
  ): string {
    const name = options.name ?? this.fresh(options.stem ?? `${inputs[0]}/${op}`);
    this.values.set(name, { name, dtype: type.dtype, shape: type.shape });
    this.nodes.push({ op, domain: options.domain ?? "", inputs, outputs: [name], attributes: options.attributes ?? {} });
    return name;
  }

  /** The copy, without the initializers and values that nothing names any more. */
  finish(): Graph {
    const { graph } = this;
    const kept = new Set([...graph.inputs, ...graph.outputs].map((v) => v.name));
    for (const n of this.nodes) for (const name of [...n.inputs, ...n.outputs]) kept.add(name);
    const values = new Map([...this.values].filter(([name]) => kept.has(name)));
    const initializers = new Map([...this.initializers].filter(([name]) => kept.has(name)));
    const outputs = graph.outputs.map(({ name }) => ({ name, value: named(values, name) }));
    return { ...graph, nodes: this.nodes, initializers, values, outputs };
  }
}

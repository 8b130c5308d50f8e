// The bookkeeping under the builder: names, values, constants, nodes, and where at run time a symbolic size can be read from.
// The operators with their shape rules are in builder.ts; nothing here knows any operator but Shape, Concat, Mul and Identity.

import { factors, printShape } from "./dims.js";
import { named, nth } from "./elements.js";
import { GraphError } from "./errors.js";
import { type Attribute, type Dim, type DType, type Graph, IR_VERSION, type Node, OPSET, type Tensor, type Value } from "./graph.js";
import { tensorOf } from "./tensor.js";

/** Collects the parts of one graph. Use GraphBuilder, which adds the operators. */
export class GraphAssembly {
  readonly name: string;
  private readonly inputs: Value[] = [];
  private readonly outputs: { name: string; value: Value }[] = [];
  private readonly nodes: Node[] = [];
  private readonly initializers = new Map<string, Tensor>();
  private readonly values = new Map<string, Value>();
  private readonly constants = new Map<Tensor, Value>();
  private readonly literals = new Map<string, Value>();
  private readonly literalOf = new Map<string, readonly number[]>();
  private readonly symbolSource = new Map<string, { value: Value; axis: number }>();
  private readonly runtimeDims = new Map<string, Value>();
  private readonly counters = new Map<string, number>();
  private readonly known = new Map<string, Value[]>();
  private readonly prefix: string;
  private built = false;

  /** @param prefix stands before every name made up here, so that a graph derived from another shares its namespace. */
  constructor(name: string, prefix = "") {
    this.name = name;
    this.prefix = prefix;
  }

  /** Declares a graph input. Symbols in its shape become readable at run time. */
  input(name: string, dtype: DType, shape: readonly Dim[]): Value {
    const value = this.declare(name, dtype, shape);
    this.inputs.push(value);
    return value;
  }

  /** An initializer; the same Tensor object gives the same Value, so that weights are shared and never copied. */
  constant(tensor: Tensor, name?: string): Value {
    const known = this.constants.get(tensor);
    if (known !== undefined) return known;
    const value = this.declare(name ?? this.fresh("constant"), tensor.dtype, tensor.shape);
    this.initializers.set(value.name, tensor);
    this.constants.set(tensor, value);
    return value;
  }

  /** A small constant made on the spot; equal ones are one initializer. Shape [] for a number, [n] for a list. */
  literal(data: number | readonly number[], dtype: DType): Value {
    const list = typeof data === "number" ? [data] : data;
    const shape = typeof data === "number" ? [] : [data.length];
    const key = `${dtype}${printShape(shape)}:${list.map((x) => (Object.is(x, -0) ? "-0" : String(x))).join()}`;
    const known = this.literals.get(key);
    if (known !== undefined) return known;
    let tensor: Tensor;
    if (dtype === "float32") tensor = tensorOf(dtype, shape, Float32Array.from(list));
    else if (dtype === "float64") tensor = tensorOf(dtype, shape, Float64Array.from(list));
    else if (dtype === "int64") tensor = tensorOf(dtype, shape, BigInt64Array.from(list, BigInt));
    else if (dtype === "int32") tensor = tensorOf(dtype, shape, Int32Array.from(list));
    else if (dtype === "int8") tensor = tensorOf(dtype, shape, Int8Array.from(list));
    else if (dtype === "uint8" || dtype === "bool") tensor = tensorOf(dtype, shape, Uint8Array.from(list));
    else
      throw new GraphError("dtype_mismatch", `literal — expected a dtype other than float16, got ${dtype}. Make it in float32 and cast.`);
    const value = this.constant(tensor, this.fresh("literal"));
    this.literals.set(key, value);
    this.literalOf.set(value.name, list);
    return value;
  }

  /** The numbers of a value made by `literal`, else undefined. */
  protected literalNumbers(value: Value): readonly number[] | undefined {
    return this.literalOf.get(value.name);
  }

  /** Names a value as graph output; the value takes that name in the built graph. Throws `duplicate_name`. */
  output(name: string, value: Value): void {
    this.check(value);
    if (this.outputs.some((o) => o.name === name)) {
      throw new GraphError("duplicate_name", `output — expected a new name, got "${name}" again. Choose another.`);
    }
    this.outputs.push({ name, value });
  }

  /**
   * Appends any operator with the outputs the caller says it has: the door for operators that builder.ts does not list.
   * Operators are pure, so the same call again gives the same values and no second node.
   * @returns one Value for each of `outputs`.
   */
  node(
    op: string,
    inputs: readonly (Value | undefined)[],
    outputs: readonly { dtype: DType; shape: readonly Dim[] }[],
    attributes: Readonly<Record<string, Attribute>> = {},
    domain = "",
  ): Value[] {
    for (const v of inputs) if (v !== undefined) this.check(v);
    const names = inputs.map((v) => v?.name ?? "");
    const key = JSON.stringify([op, domain, names, outputs.map((o) => [o.dtype, o.shape]), attributes]);
    const shareable = !Object.values(attributes).some((a) => "tensor" in a);
    const before = shareable ? this.known.get(key) : undefined;
    if (before !== undefined) return before;
    const made = outputs.map((o) => this.declare(this.fresh(op), o.dtype, o.shape));
    this.nodes.push({ op, domain, inputs: names, outputs: made.map((v) => v.name), attributes });
    if (shareable) this.known.set(key, made);
    return made;
  }

  /** The size named by a symbol, at run time, as an int64 [1]. Throws `unknown_value` when no value has that size. */
  protected runtimeDim(symbol: string): Value {
    const known = this.runtimeDims.get(symbol);
    if (known !== undefined) return known;
    const parts = factors(symbol);
    if (parts.length < 2 && !this.symbolSource.has(symbol)) this.missingSymbol(symbol);
    const source = this.symbolSource.get(symbol);
    let value: Value;
    if (source !== undefined) {
      [value] = this.node("Shape", [source.value], [{ dtype: "int64", shape: [1] }], {
        start: { int: source.axis },
        end: { int: source.axis + 1 },
      }) as [Value];
    } else {
      if (parts.length < 2) {
        throw new GraphError(
          "unknown_value",
          `size "${symbol}" — expected a symbol in the shape of some value, got none. Declare it in an input's shape.`,
        );
      }
      const sizes = parts.map((p) => (typeof p === "number" ? this.literal([p], "int64") : this.runtimeDim(p)));
      value = sizes.reduce((a, b) => nth(this.node("Mul", [a, b], [{ dtype: "int64", shape: [1] }]), 0));
    }
    this.runtimeDims.set(symbol, value);
    return value;
  }

  /** Called for a symbol that no value has yet: a derived builder may declare an input that has it. */
  protected missingSymbol(_symbol: string): void {}

  /** A shape as an int64 [rank]: a literal where all sizes are numbers, else joined at run time. */
  protected runtimeShape(dims: readonly Dim[]): Value {
    if (dims.every((d) => typeof d === "number")) return this.literal(dims as number[], "int64");
    const key = `shape:${dims.join()}`;
    const known = this.runtimeDims.get(key);
    if (known !== undefined) return known;
    const parts = dims.map((d) => (typeof d === "number" ? this.literal([d], "int64") : this.runtimeDim(d)));
    const value =
      parts.length === 1
        ? nth(parts, 0)
        : nth(this.node("Concat", parts, [{ dtype: "int64", shape: [dims.length] }], { axis: { int: 0 } }), 0);
    this.runtimeDims.set(key, value);
    return value;
  }

  /** The finished graph. The builder is used up. Nodes that no output needs are left out. */
  build(): Graph {
    if (this.built) throw new GraphError("bad_argument", `build of ${this.name} — expected one call, got a second. Make a new builder.`);
    this.built = true;
    const renamed = new Map<string, string>();
    for (const { name, value } of this.outputs) {
      if (this.isGiven(name) && value.name !== name) {
        throw new GraphError("duplicate_name", `output — expected a name no input or constant has, got "${name}". Choose another.`);
      }
      if (!this.isGiven(value.name) && !renamed.has(value.name)) renamed.set(value.name, name);
      else if (name !== value.name) renamed.set(this.copy(value).name, name);
    }
    const taken = new Set(this.outputs.map((o) => o.name));
    const nameOf = (name: string) => renamed.get(name) ?? (taken.has(name) && !this.isGiven(name) ? `${name}/inner` : name);
    const needed = new Set(taken);
    const kept: Node[] = [];
    for (let i = this.nodes.length - 1; i >= 0; i--) {
      const n = nth(this.nodes, i);
      const outputs = n.outputs.map(nameOf);
      if (!outputs.some((o) => needed.has(o))) continue;
      const inputs = n.inputs.map(nameOf);
      for (const v of inputs) needed.add(v);
      kept.push({ ...n, inputs, outputs });
    }
    kept.reverse();
    for (const n of kept) for (const o of n.outputs) needed.add(o);
    const values = new Map<string, Value>();
    for (const v of this.inputs) values.set(v.name, v);
    for (const [old, v] of this.values) if (needed.has(nameOf(old))) values.set(nameOf(old), { ...v, name: nameOf(old) });
    const initializers = new Map([...this.initializers].filter(([name]) => needed.has(name)));
    const outputs = this.outputs.map(({ name }) => ({ name, value: named(values, name) }));
    return { name: this.name, opset: OPSET, irVersion: IR_VERSION, inputs: this.inputs, outputs, nodes: kept, initializers, values };
  }

  /** A second value equal to the first, past the sharing of equal calls. */
  private copy(value: Value): Value {
    const made = this.declare(this.fresh("Identity"), value.dtype, value.shape);
    this.nodes.push({ op: "Identity", domain: "", inputs: [value.name], outputs: [made.name], attributes: {} });
    return made;
  }

  private isGiven(name: string): boolean {
    return this.initializers.has(name) || this.inputs.some((v) => v.name === name);
  }

  /** Throws `unknown_value` for a value of another builder. */
  protected check(value: Value): void {
    if (this.values.get(value.name) !== value) {
      throw new GraphError(
        "unknown_value",
        `value "${value.name}" — expected one made by this builder, got another's. Pass it in as an input.`,
      );
    }
  }

  private declare(name: string, dtype: DType, shape: readonly Dim[]): Value {
    if (name === "") throw new GraphError("bad_argument", "value name — expected a non-empty string, got an empty one. Name it.");
    if (this.values.has(name))
      throw new GraphError("duplicate_name", `value name — expected a new one, got "${name}" again. Choose another.`);
    const value: Value = { name, dtype, shape: [...shape] };
    this.values.set(name, value);
    value.shape.forEach((d, axis) => {
      if (typeof d === "string" && !this.symbolSource.has(d)) this.symbolSource.set(d, { value, axis });
    });
    return value;
  }

  private fresh(stem: string): string {
    for (;;) {
      const n = (this.counters.get(stem) ?? 0) + 1;
      this.counters.set(stem, n);
      const name = `${this.prefix}${stem}_${n}`;
      if (!this.values.has(name)) return name;
    }
  }
}

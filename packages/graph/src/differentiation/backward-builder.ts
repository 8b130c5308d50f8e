// The builder of a backward graph: it knows the forward graph and fetches what the derivative rules ask of it — as a shared initializer, as
// an input, by recomputing what costs nothing, or from the tape. It holds no derivative; those are the rules beside it.

import { intAttribute, intsAttribute } from "../attributes.js";
import { GraphBuilder } from "../builder.js";
import { axisOf, sameShape } from "../dims.js";
import { named, nth } from "../elements.js";
import { GraphError } from "../errors.js";
import type { Dim, Graph, Node, Tensor, Value } from "../graph.js";

/** Builds the backward graph of `forward`. */
export class BackwardBuilder extends GraphBuilder {
  private readonly forward: Graph;
  private readonly recompute: boolean;
  private readonly producers = new Map<string, { node: Node; output: number }>();
  private readonly fetched = new Map<string, Value>();
  private readonly transposed = new Map<string, { from: Value; perm: readonly number[] }>();
  /** Names of the forward values this graph takes as inputs besides the forward inputs, in the order they were asked for. */
  readonly tape: string[] = [];

  constructor(forward: Graph, recompute: boolean, prefix: string) {
    super(`${forward.name}_backward`, prefix);
    this.forward = forward;
    this.recompute = recompute;
    for (const node of forward.nodes) for (const [output, name] of node.outputs.entries()) this.producers.set(name, { node, output });
  }

  /** The forward value of that name, inside the backward graph. */
  need(name: string): Value {
    const known = this.fetched.get(name);
    if (known !== undefined) return known;
    const value = this.fetch(name);
    this.fetched.set(name, value);
    return value;
  }

  private fetch(name: string): Value {
    const own = this.forward.values.get(name);
    if (own === undefined)
      throw new GraphError(
        "unknown_value",
        `differentiate — expected a value "${name}" in ${this.forward.name}, got none. Check the name.`,
      );
    const tensor: Tensor | undefined = this.forward.initializers.get(name);
    if (tensor !== undefined) return this.constant(tensor, name);
    const made = this.producers.get(name);
    if (made === undefined) return this.input(name, own.dtype, own.shape);
    const { node, output } = made;
    if (node.op === "Shape") {
      const shape = named(this.forward.values, nth(node.inputs, 0)).shape;
      return this.runtimeShape(shape.slice(intAttribute(node, "start", 0), intAttribute(node, "end", shape.length)));
    }
    if (node.op === "Reshape" || node.op === "Squeeze" || node.op === "Unsqueeze")
      return this.reshape(this.need(nth(node.inputs, 0)), own.shape);
    const perm = intsAttribute(node, "perm");
    if (node.op === "Transpose" && perm !== undefined) return this.transpose(this.need(nth(node.inputs, 0)), perm);
    if (node.op === "Identity") return this.need(nth(node.inputs, 0));
    if (this.recompute || this.isFixed(name)) {
      const inputs = node.inputs.map((v) => (v === "" ? undefined : this.need(v)));
      const outputs = this.node(
        node.op,
        inputs,
        node.outputs.map((o) => this.forward.values.get(o) ?? own),
        node.attributes,
        node.domain,
      );
      for (const [i, o] of node.outputs.entries()) this.fetched.set(o, nth(outputs, i));
      return nth(outputs, output);
    }
    this.tape.push(name);
    return this.input(name, own.dtype, own.shape);
  }

  /** Whether a value is computed from constants and sizes alone, e.g. one part of a frozen weight: a tape of it would hold the weight again. */
  private isFixed(name: string): boolean {
    if (name === "" || this.forward.initializers.has(name)) return true;
    const made = this.producers.get(name);
    return made !== undefined && (made.node.op === "Shape" || made.node.inputs.every((v) => this.isFixed(v)));
  }

  /** A size that no value here has: the smallest forward input with it becomes an input of the backward graph. */
  protected override missingSymbol(symbol: string): void {
    const holders = this.forward.inputs.filter((v) => v.shape.includes(symbol) && !this.fetched.has(v.name));
    const smallest = holders.sort((a, b) => a.shape.length - b.shape.length)[0];
    if (smallest !== undefined) this.need(smallest.name);
  }

  /** Transposes of transposes are one, or none. */
  override transpose(x: Value, perm: readonly number[]): Value {
    const inner = this.transposed.get(x.name);
    const from = inner?.from ?? x;
    const whole = inner === undefined ? perm : perm.map((p) => nth(inner.perm, p));
    if (whole.every((p, i) => p === i)) return from;
    const value = super.transpose(from, whole);
    this.transposed.set(value.name, { from, perm: whole });
    return value;
  }

  /** The last two axes exchanged. */
  transposeLast(x: Value): Value {
    const rank = x.shape.length;
    return this.transpose(
      x,
      x.shape.map((_, i) => (i < rank - 2 ? i : 2 * rank - 3 - i)),
    );
  }

  /** Sums a gradient over the axes along which its operand was broadcast. */
  reduceTo(grad: Value, shape: readonly Dim[]): Value {
    if (sameShape(grad.shape, shape)) return grad;
    const lead = grad.shape.length - shape.length;
    const axes = grad.shape.flatMap((d, i) => (i < lead || (shape[i - lead] === 1 && d !== 1) ? [i] : []));
    const summed = axes.length === 0 ? grad : this.reduceSum(grad, axes, true);
    return this.reshape(summed, shape);
  }

  /** An int64 [1] with a size, whether number or symbol. */
  size(dim: Dim): Value {
    return this.runtimeShape([dim]);
  }

  /** Zeros of a shape. */
  zeros(like: Value, shape: readonly Dim[] = like.shape): Value {
    return this.expand(this.literal(0, like.dtype), shape);
  }

  /** x [.., m, ..] set into zeros of size `size` along an axis, from `start` on. */
  padInto(x: Value, axis: number, start: Value | number, size: Dim): Value {
    const at = axisOf("Pad", axis, x.shape.length);
    const shape = x.shape.map((d, i) => (i === at ? size : d));
    const length = nth(x.shape, at);
    let after: Value | number;
    if (typeof start === "number" && typeof size === "number" && typeof length === "number") after = size - start - length;
    else after = this.sub(this.sub(this.size(size), typeof start === "number" ? this.literal([start], "int64") : start), this.size(length));
    const one = (v: Value | number) => (typeof v === "number" ? this.literal([v], "int64") : v);
    const none = (n: number) => (n > 0 ? [this.literal(new Array<number>(n).fill(0), "int64")] : []);
    const [left, right] = [none(at), none(x.shape.length - 1 - at)];
    const pads =
      typeof start === "number" && typeof after === "number"
        ? this.literal(
            [...x.shape.map((_, i) => (i === at ? start : 0)), ...x.shape.map((_, i) => (i === at ? (after as number) : 0))],
            "int64",
          )
        : this.concat([...left, one(start), ...right, ...left, one(after), ...right], 0);
    return nth(this.node("Pad", [x, pads, this.literal(0, x.dtype)], [{ dtype: x.dtype, shape }]), 0);
  }

  /** Elements start..end of an axis where either may be known only at run time. */
  sliceAt(x: Value, axis: number, start: Value, end: Value, length: Dim): Value {
    const shape = x.shape.map((d, i) => (i === axis ? length : d));
    return nth(this.node("Slice", [x, start, end, this.literal([axis], "int64")], [{ dtype: x.dtype, shape }]), 0);
  }
}

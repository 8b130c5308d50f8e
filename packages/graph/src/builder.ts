// Builds a graph operator by operator. Every method checks element types and shapes, infers the result's shape (symbols included) and
// throws a typed error otherwise, so that a graph that was built is a graph that runs.

import { GraphAssembly } from "./assembly.js";
import { axisOf, broadcast, printShape, product, quotient, sameShape, sum } from "./dims.js";
import { nth } from "./elements.js";
import { GraphError } from "./errors.js";
import { type Attribute, type Dim, DTYPE_CODE, type DType, type Value } from "./graph.js";

/** A value, or a number that becomes a scalar constant of the other operand's type. */
export type Operand = Value | number;

const FLOATS: readonly DType[] = ["float32", "float16", "float64"];
const NUMBERS: readonly DType[] = [...FLOATS, "int64", "int32"];

/**
 * The builder of one graph.
 * @example
 * const b = new GraphBuilder("double");
 * b.output("y", b.mul(b.input("x", "float32", ["n", 4]), 2));
 * const { model } = serializeModel(b.build());
 */
export class GraphBuilder extends GraphAssembly {
  /** Matrix product over the last two axes, leading axes broadcast: [.., M, K] · [.., K, N] → [.., M, N]. */
  matmul(a: Value, b: Value): Value {
    this.same("MatMul", FLOATS, a, b);
    const [m, k1] = a.shape.slice(-2);
    const [k2, n] = b.shape.slice(-2);
    if (m === undefined || n === undefined || a.shape.length < 2 || b.shape.length < 2 || k1 !== k2)
      return this.misfit("MatMul", "[.., M, K] and [.., K, N]", a, b);
    const lead = broadcast("MatMul", a.shape.slice(0, -2), b.shape.slice(0, -2));
    return this.one("MatMul", [a, b], [...lead, m, n]);
  }

  /** alpha · a · b + bias for matrices, either transposed; bias broadcasts to [M, N]. */
  gemm(a: Value, b: Value, options: { transA?: boolean; transB?: boolean; bias?: Value; alpha?: number } = {}): Value {
    const { transA = false, transB = false, bias, alpha = 1 } = options;
    this.same("Gemm", FLOATS, a, b);
    if (a.shape.length !== 2 || b.shape.length !== 2) this.misfit("Gemm", "two matrices", a, b);
    const [m, k1] = transA ? [nth(a.shape, 1), nth(a.shape, 0)] : [nth(a.shape, 0), nth(a.shape, 1)];
    const [k2, n] = transB ? [nth(b.shape, 1), nth(b.shape, 0)] : [nth(b.shape, 0), nth(b.shape, 1)];
    if (k1 !== k2) this.misfit("Gemm", `equal inner sizes (transA ${transA}, transB ${transB})`, a, b);
    if (bias !== undefined) {
      this.same("Gemm", FLOATS, a, bias);
      if (!sameShape(broadcast("Gemm bias", [m, n], bias.shape), [m, n]))
        this.misfit("Gemm", `a bias that broadcasts to ${printShape([m, n])}`, bias);
    }
    const attributes: Record<string, Attribute> = {};
    if (transA) attributes["transA"] = { int: 1 };
    if (transB) attributes["transB"] = { int: 1 };
    if (alpha !== 1) attributes["alpha"] = { float: alpha };
    return this.one("Gemm", bias === undefined ? [a, b] : [a, b, bias], [m, n], attributes);
  }

  /** x · weightᵀ + bias over the last axis: x [.., in], weight [out, in] as a state dict stores it, bias [out] → [.., out]. */
  linear(x: Value, weight: Value, bias?: Value): Value {
    const inner = x.shape.at(-1);
    if (inner === undefined || weight.shape.length !== 2 || weight.shape[1] !== inner)
      return this.misfit("linear", "x [.., in] and weight [out, in]", x, weight);
    const flat = x.shape.length === 2 ? x : this.reshape(x, [product(x.shape.slice(0, -1)), inner]);
    const y = this.gemm(flat, weight, bias === undefined ? { transB: true } : { transB: true, bias });
    return x.shape.length === 2 ? y : this.reshape(y, [...x.shape.slice(0, -1), nth(weight.shape, 0)]);
  }

  add(a: Operand, b: Operand): Value {
    return this.binary("Add", a, b);
  }
  sub(a: Operand, b: Operand): Value {
    return this.binary("Sub", a, b);
  }
  mul(a: Operand, b: Operand): Value {
    return this.binary("Mul", a, b);
  }
  div(a: Operand, b: Operand): Value {
    return this.binary("Div", a, b);
  }
  /** a ^ b elementwise. */
  pow(a: Value, b: Operand): Value {
    return this.binary("Pow", a, b);
  }
  exp(x: Value): Value {
    return this.unary("Exp", x);
  }
  log(x: Value): Value {
    return this.unary("Log", x);
  }
  sqrt(x: Value): Value {
    return this.unary("Sqrt", x);
  }
  tanh(x: Value): Value {
    return this.unary("Tanh", x);
  }
  erf(x: Value): Value {
    return this.unary("Erf", x);
  }
  /** x · Φ(x), exact (erf), one operator. */
  gelu(x: Value): Value {
    return this.unary("Gelu", x);
  }
  neg(x: Value): Value {
    return this.unary("Neg", x, NUMBERS);
  }
  identity(x: Value): Value {
    return this.one("Identity", [x], x.shape);
  }

  /** Softmax over one axis (the last unless said). */
  softmax(x: Value, axis = -1): Value {
    this.same("Softmax", FLOATS, x);
    return this.one("Softmax", [x], x.shape, { axis: { int: axisOf("Softmax", axis, x.shape.length) } });
  }

  /** (x − mean) / sqrt(var + eps) · scale + bias over the axes from `axis` on. */
  layerNormalization(x: Value, scale: Value, bias: Value | undefined, eps: number, axis = -1): Value {
    return nth(this.layerNormalizationWithStatistics(x, scale, bias, eps, axis, 1), 0);
  }

  /** As layerNormalization, with all three of ONNX's outputs: y, mean and 1/std (sizes 1 on the normalised axes). */
  layerNormalizationWithStatistics(x: Value, scale: Value, bias: Value | undefined, eps: number, axis = -1, outputs: 1 | 3 = 3): Value[] {
    this.same("LayerNormalization", FLOATS, x, scale, ...(bias === undefined ? [] : [bias]));
    const at = axisOf("LayerNormalization", axis, x.shape.length);
    const normalised = x.shape.slice(at);
    for (const p of bias === undefined ? [scale] : [scale, bias]) {
      if (!sameShape(p.shape, normalised)) this.misfit("LayerNormalization", `scale and bias of shape ${printShape(normalised)}`, p);
    }
    const statistic = { dtype: x.dtype, shape: x.shape.map((d, i) => (i < at ? d : 1)) };
    const results = [{ dtype: x.dtype, shape: x.shape }, statistic, statistic].slice(0, outputs);
    const inputs = bias === undefined ? [x, scale] : [x, scale, bias];
    return this.node("LayerNormalization", inputs, results, { axis: { int: at }, epsilon: { float: eps } });
  }

  /** Axes in a new order: result axis i is operand axis perm[i]. */
  transpose(x: Value, perm: readonly number[]): Value {
    const rank = x.shape.length;
    if (perm.length !== rank || new Set(perm).size !== rank || !perm.every((p) => Number.isInteger(p) && p >= 0 && p < rank)) {
      throw new GraphError(
        "bad_argument",
        `Transpose perm — expected a permutation of 0..${rank - 1}, got [${perm}]. List every axis once.`,
      );
    }
    const shape = perm.map((p) => nth(x.shape, p));
    return this.one("Transpose", [x], shape, { perm: { ints: perm } });
  }

  /** Same elements, new shape. A size may be a number, a symbol, "keep" (the operand's size at that place) or one -1 (what is left). */
  reshape(x: Value, dims: readonly (number | string)[]): Value {
    const total = product(x.shape);
    const kept = dims.map((d, i) => {
      if (d !== "keep") return d;
      const own = x.shape[i];
      return own ?? this.misfit("Reshape", `an operand with an axis ${i} to keep`, x);
    });
    const rest = kept.indexOf(-1);
    if (rest >= 0) {
      kept[rest] =
        quotient(total, product(kept.filter((_, i) => i !== rest))) ??
        this.misfit("Reshape", `a size that divides into ${printShape(kept)}`, x);
    }
    if (kept.includes(0)) this.misfit("Reshape", `sizes above 0 for ${printShape(kept)}`, x);
    if (product(kept) !== total) this.misfit("Reshape", `${total} elements for ${printShape(kept)}`, x);
    if (sameShape(kept, x.shape)) return x;
    // ONNX's own forms first: 0 copies the size at the same place, one -1 is what is left; only then sizes read at run time.
    const form = kept.map((d, i) => (typeof d === "string" && d === x.shape[i] ? 0 : d));
    const symbols = form.filter((d) => typeof d === "string");
    if (symbols.length === 1) form[form.indexOf(nth(symbols, 0))] = -1;
    const target = form.every((d) => typeof d === "number") ? this.literal(form as number[], "int64") : this.runtimeShape(kept);
    return this.one("Reshape", [x, target], kept);
  }

  /** New axes of size 1 at these places of the result. */
  unsqueeze(x: Value, axes: readonly number[]): Value {
    const rank = x.shape.length + axes.length;
    const at = axes.map((a) => axisOf("Unsqueeze", a, rank));
    if (new Set(at).size !== at.length)
      throw new GraphError("bad_argument", `Unsqueeze axes — expected distinct axes, got [${axes}]. Name each once.`);
    const rest = x.shape.values();
    const shape = Array.from({ length: rank }, (_, i) => (at.includes(i) ? 1 : (rest.next().value ?? 1)));
    return this.one("Unsqueeze", [x, this.literal(at, "int64")], shape);
  }

  /** Axes of size 1 removed. */
  squeeze(x: Value, axes: readonly number[]): Value {
    const at = axes.map((a) => axisOf("Squeeze", a, x.shape.length));
    if (!at.every((a) => x.shape[a] === 1)) this.misfit("Squeeze", `size 1 at axes [${axes}]`, x);
    const shape = x.shape.filter((_, i) => !at.includes(i));
    return this.one("Squeeze", [x, this.literal(at, "int64")], shape);
  }

  /** Slices of x along an axis by int32 or int64 indices: the axis is replaced by the indices' shape. */
  gather(x: Value, indices: Value | number | readonly number[], axis = 0): Value {
    const index = typeof indices === "object" && "name" in indices ? indices : this.literal(indices, "int64");
    this.same("Gather indices", ["int64", "int32"], index);
    const at = axisOf("Gather", axis, x.shape.length);
    return this.one("Gather", [x, index], [...x.shape.slice(0, at), ...index.shape, ...x.shape.slice(at + 1)], { axis: { int: at } });
  }

  /** Joined along one axis; the other sizes must agree. */
  concat(xs: readonly Value[], axis: number): Value {
    const first = xs[0];
    if (first === undefined) throw new GraphError("bad_argument", "Concat — expected at least one operand, got none. Pass some.");
    this.same("Concat", undefined, first, ...xs);
    const at = axisOf("Concat", axis, first.shape.length);
    for (const x of xs) {
      if (x.shape.length !== first.shape.length || !x.shape.every((d, i) => i === at || d === first.shape[i]))
        this.misfit("Concat", `equal sizes but at axis ${at}`, ...xs);
    }
    if (xs.length === 1) return first;
    const shape = first.shape.map((d, i) => (i === at ? sum(xs.map((x) => nth(x.shape, at))) : d));
    return this.one("Concat", [...xs], shape, { axis: { int: at } });
  }

  /** Elements start..end of one axis (end excluded). `end` may be a symbol when start is 0: the first "L" rows of a table. */
  slice(x: Value, range: { axis: number; start: number; end: Dim }): Value {
    const at = axisOf("Slice", range.axis, x.shape.length);
    const size = nth(x.shape, at);
    let { start, end } = range;
    if (typeof size === "number" && typeof end === "number") {
      start = Math.min(start < 0 ? start + size : start, size);
      end = Math.min(end < 0 ? end + size : end, size);
    }
    const symbolic = typeof end === "string" && start === 0;
    if (!symbolic && (typeof end === "string" || start < 0 || end < start)) {
      throw new GraphError(
        "bad_argument",
        `Slice — expected 0 ≤ start ≤ end, got ${range.start}..${range.end} of ${size}. A symbolic end needs start 0.`,
      );
    }
    const length = symbolic ? end : (end as number) - start;
    const shape = x.shape.map((d, i) => (i === at ? length : d));
    const to = typeof end === "string" ? this.runtimeDim(end) : this.literal([end], "int64");
    return this.one("Slice", [x, this.literal([start], "int64"), to, this.literal([at], "int64")], shape);
  }

  /** Cut along one axis into pieces of these sizes, which add up to the axis. */
  split(x: Value, sizes: readonly number[], axis: number): Value[] {
    const at = axisOf("Split", axis, x.shape.length);
    if (sum(sizes) !== x.shape[at]) this.misfit("Split", `sizes [${sizes}] that add up to axis ${at}`, x);
    const outputs = sizes.map((s) => ({ dtype: x.dtype, shape: x.shape.map((d, i) => (i === at ? s : d)) }));
    return this.node("Split", [x, this.literal(sizes, "int64")], outputs, { axis: { int: at } });
  }

  reduceSum(x: Value, axes: readonly number[], keepdims = false): Value {
    return this.reduce("ReduceSum", x, axes, keepdims);
  }
  reduceMean(x: Value, axes: readonly number[], keepdims = false): Value {
    return this.reduce("ReduceMean", x, axes, keepdims);
  }
  reduceMax(x: Value, axes: readonly number[], keepdims = false): Value {
    return this.reduce("ReduceMax", x, axes, keepdims);
  }

  /** cond ? a : b elementwise, all three broadcast. */
  where(cond: Value, a: Operand, b: Operand): Value {
    if (cond.dtype !== "bool") throw new GraphError("dtype_mismatch", `Where condition — expected bool, got ${cond.dtype}. Compare first.`);
    const [x, y] = this.operands("Where", a, b);
    this.same("Where", undefined, x, y);
    return this.one("Where", [cond, x, y], broadcast("Where", cond.shape, x.shape, y.shape), {}, x.dtype);
  }

  /** a = b elementwise, as bool. */
  equal(a: Operand, b: Operand): Value {
    const [x, y] = this.operands("Equal", a, b);
    this.same("Equal", undefined, x, y);
    return this.one("Equal", [x, y], broadcast("Equal", x.shape, y.shape), {}, "bool");
  }

  cast(x: Value, dtype: DType): Value {
    if (x.dtype === dtype) return x;
    return this.one("Cast", [x], x.shape, { to: { int: DTYPE_CODE[dtype] } }, dtype);
  }

  /** Broadcast to a shape, or to another value's shape. */
  expand(x: Value, to: Value | readonly Dim[]): Value {
    const shape = "name" in to ? to.shape : to;
    const full = broadcast("Expand", x.shape, shape);
    if (sameShape(full, x.shape)) return x;
    return this.one("Expand", [x, this.runtimeShape(full)], full);
  }

  /** The shape as an int64 [rank], read at run time. */
  shapeOf(x: Value): Value {
    return this.one("Shape", [x], [x.shape.length], {}, "int64");
  }

  /** data with updates [m, ..] added to the rows indices [m, 1] (int64); rows named twice add up. */
  scatterAddRows(data: Value, indices: Value, updates: Value): Value {
    this.same("ScatterND", FLOATS, data, updates);
    const expected = [nth(indices.shape, 0), ...data.shape.slice(1)];
    if (indices.dtype !== "int64" || indices.shape.length !== 2 || indices.shape[1] !== 1)
      this.misfit("ScatterND", "int64 indices [m, 1]", indices);
    if (!sameShape(updates.shape, expected)) this.misfit("ScatterND", `updates ${printShape(expected)}`, updates);
    return this.one("ScatterND", [data, indices, updates], data.shape, { reduction: { string: "add" } });
  }

  private operands(op: string, a: Operand, b: Operand): [Value, Value] {
    if (typeof a === "number" && typeof b === "number")
      throw new GraphError("bad_argument", `${op} — expected a value among the operands, got two numbers. Pass one.`);
    const dtype = typeof a === "number" ? (b as Value).dtype : a.dtype;
    return [typeof a === "number" ? this.literal(a, dtype) : a, typeof b === "number" ? this.literal(b, dtype) : b];
  }

  private binary(op: string, a: Operand, b: Operand): Value {
    const [x, y] = this.operands(op, a, b);
    this.same(op, NUMBERS, x, y);
    return this.one(op, [x, y], broadcast(op, x.shape, y.shape));
  }

  private unary(op: string, x: Value, dtypes = FLOATS): Value {
    this.same(op, dtypes, x);
    return this.one(op, [x], x.shape);
  }

  private reduce(op: string, x: Value, axes: readonly number[], keepdims: boolean): Value {
    this.same(op, NUMBERS, x);
    const at = axes.map((a) => axisOf(op, a, x.shape.length)).sort((p, q) => p - q);
    if (at.length === 0) throw new GraphError("bad_argument", `${op} axes — expected at least one, got none. Name the axes.`);
    const shape = keepdims ? x.shape.map((d, i) => (at.includes(i) ? 1 : d)) : x.shape.filter((_, i) => !at.includes(i));
    return this.one(op, [x, this.literal(at, "int64")], shape, { keepdims: { int: keepdims ? 1 : 0 } });
  }

  private one(
    op: string,
    inputs: readonly Value[],
    shape: readonly Dim[],
    attributes: Record<string, Attribute> = {},
    dtype = nth(inputs, 0).dtype,
  ): Value {
    return nth(this.node(op, inputs, [{ dtype, shape }], attributes), 0);
  }

  private same(op: string, allowed: readonly DType[] | undefined, first: Value, ...rest: Value[]): void {
    for (const v of [first, ...rest]) {
      if (v.dtype !== first.dtype || (allowed !== undefined && !allowed.includes(v.dtype))) {
        const wanted = allowed === undefined ? "one element type" : `one of ${allowed.join(", ")}`;
        throw new GraphError(
          "dtype_mismatch",
          `${op} — expected ${wanted}, got ${[first, ...rest].map((x) => `${x.name} ${x.dtype}`).join(", ")}. Cast first.`,
        );
      }
    }
  }

  private misfit(op: string, expected: string, ...got: Value[]): never {
    throw new GraphError(
      "shape_mismatch",
      `${op} — expected ${expected}, got ${got.map((v) => `${v.name} ${printShape(v.shape)}`).join(", ")}. Reshape or transpose first.`,
    );
  }
}

// Evaluation rules of the operators that work element by element, and of the reductions and normalisations over an axis.

import { axisOf } from "../dims.js";
import { f64, nth } from "../elements.js";
import { DTYPE_CODE, type DType } from "../graph.js";
import {
  aroundAxis,
  broadcastSizes,
  broadcastStrides,
  type Call,
  type EvaluationRule,
  type NumberArray,
  operand,
  walk,
  zeros,
} from "./arrays.js";

const INTEGERS: readonly DType[] = ["int64", "int32", "int8", "uint8"];

/** erf to float64 accuracy: 2/√π · e^(−x²) · Σ 2ⁿx^(2n+1)/(2n+1)!!, whose terms are all positive; ±1 from |x| = 6 on (erfc(6) = 2e-17). */
function erf(x: number): number {
  const a = Math.abs(x);
  if (Number.isNaN(x) || a >= 6) return Number.isNaN(x) ? x : Math.sign(x);
  let term = a;
  let total = a;
  for (let n = 1; term > total * 1e-17; n++) {
    term *= (2 * a * a) / (2 * n + 1);
    total += term;
  }
  return Math.sign(x) * Math.min(1, (2 / Math.sqrt(Math.PI)) * Math.exp(-a * a) * total);
}

function unary(f: (x: number) => number): EvaluationRule {
  return (call) => {
    const x = operand(call, 0);
    return [{ dtype: nth(call.dtypes, 0), shape: x.shape, data: x.data.map(f) }];
  };
}

function binary(f: (a: number, b: number, integer: boolean) => number): EvaluationRule {
  return (call) => {
    const [a, b] = [operand(call, 0), operand(call, 1)];
    const out = zeros(nth(call.dtypes, 0), broadcastSizes(call.op, [a.shape, b.shape]));
    const integer = INTEGERS.includes(a.dtype);
    walk(out.shape, [broadcastStrides(a.shape, out.shape), broadcastStrides(b.shape, out.shape)], (at, [i, j]) => {
      out.data[at] = f(f64(a.data, i), f64(b.data, j), integer);
    });
    return [out];
  };
}

/** Axes of a reduction: the second input, or the attribute of older opsets, or all. */
function reductionAxes(call: Call, rank: number): number[] {
  const given = call.inputs[1] ? Array.from(call.inputs[1].data) : call.ints("axes");
  const all = given === undefined || (given.length === 0 && call.int("noop_with_empty_axes", 0) === 0);
  return all ? Array.from({ length: rank }, (_, i) => i) : given.map((a) => axisOf(call.op, a, rank));
}

function reduction(
  start: number,
  step: (acc: number, x: number) => number,
  finish: (acc: number, count: number) => number,
): EvaluationRule {
  return (call) => {
    const x = operand(call, 0);
    const axes = reductionAxes(call, x.shape.length);
    const kept = x.shape.map((d, i) => (axes.includes(i) ? 1 : d));
    const data = zeros(x.dtype, kept).data.fill(start);
    walk(x.shape, [broadcastStrides(kept, x.shape)], (at, [o]) => {
      data[o] = step(f64(data, o), f64(x.data, at));
    });
    const count = axes.reduce((n, a) => n * nth(x.shape, a), 1);
    const shape = call.int("keepdims", 1) ? kept : x.shape.filter((_, i) => !axes.includes(i));
    return [{ dtype: x.dtype, shape, data: data.map((s) => finish(s, count)) }];
  };
}

function softmax(call: Call): NumberArray[] {
  const x = operand(call, 0);
  const { outer, size, inner } = aroundAxis(x.shape, axisOf(call.op, call.int("axis", -1), x.shape.length));
  const out = zeros(x.dtype, x.shape);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      const base = o * size * inner + i;
      let max = Number.NEGATIVE_INFINITY;
      for (let k = 0; k < size; k++) max = Math.max(max, f64(x.data, base + k * inner));
      let total = 0;
      for (let k = 0; k < size; k++) {
        const e = Math.exp(f64(x.data, base + k * inner) - max);
        out.data[base + k * inner] = e;
        total += e;
      }
      for (let k = 0; k < size; k++) out.data[base + k * inner] = f64(out.data, base + k * inner) / total;
    }
  }
  return [out];
}

function layerNormalization(call: Call): NumberArray[] {
  const [x, scale, bias] = [operand(call, 0), operand(call, 1), call.inputs[2]];
  const axis = axisOf(call.op, call.int("axis", -1), x.shape.length);
  const eps = call.float("epsilon", 1e-5);
  const statistic = x.shape.map((d, i) => (i < axis ? d : 1));
  const rows = aroundAxis(x.shape, axis).outer;
  const width = rows === 0 ? 0 : x.data.length / rows;
  const [y, mean, inverse] = [zeros(x.dtype, x.shape), zeros(x.dtype, statistic), zeros(x.dtype, statistic)];
  for (let r = 0; r < rows; r++) {
    let m = 0;
    for (let i = 0; i < width; i++) m += f64(x.data, r * width + i);
    m /= width;
    let v = 0;
    for (let i = 0; i < width; i++) v += (f64(x.data, r * width + i) - m) ** 2;
    const s = 1 / Math.sqrt(v / width + eps);
    mean.data[r] = m;
    inverse.data[r] = s;
    for (let i = 0; i < width; i++)
      y.data[r * width + i] = (f64(x.data, r * width + i) - m) * s * f64(scale.data, i) + (bias?.data[i] ?? 0);
  }
  return [y, mean, inverse];
}

function where(call: Call): NumberArray[] {
  const [c, a, b] = [operand(call, 0), operand(call, 1), operand(call, 2)];
  const out = zeros(nth(call.dtypes, 0), broadcastSizes(call.op, [c.shape, a.shape, b.shape]));
  const of = (v: NumberArray) => broadcastStrides(v.shape, out.shape);
  walk(out.shape, [of(c), of(a), of(b)], (at, [i, j, k]) => {
    out.data[at] = c.data[i] ? f64(a.data, j) : f64(b.data, k);
  });
  return [out];
}

function cast(call: Call): NumberArray[] {
  const x = operand(call, 0);
  const to = (Object.keys(DTYPE_CODE) as DType[]).find((d) => DTYPE_CODE[d] === call.int("to", 1)) ?? "float32";
  const data = to === "bool" ? x.data.map((v) => (v !== 0 ? 1 : 0)) : INTEGERS.includes(to) ? x.data.map(Math.trunc) : x.data;
  return [{ dtype: to, shape: x.shape, data }];
}

/** Rules by operator. */
export const elementwiseRules: Readonly<Record<string, EvaluationRule>> = {
  Add: binary((a, b) => a + b),
  Sub: binary((a, b) => a - b),
  Mul: binary((a, b) => a * b),
  Div: binary((a, b, integer) => (integer ? Math.trunc(a / b) : a / b)),
  Pow: binary((a, b) => a ** b),
  Equal: binary((a, b) => (a === b ? 1 : 0)),
  Exp: unary(Math.exp),
  Log: unary(Math.log),
  Sqrt: unary(Math.sqrt),
  Tanh: unary(Math.tanh),
  Erf: unary(erf),
  Gelu: unary((x) => 0.5 * x * (1 + erf(x * Math.SQRT1_2))),
  Neg: unary((x) => -x),
  Abs: unary(Math.abs),
  Max: binary((a, b) => Math.max(a, b)),
  Identity: unary((x) => x),
  Cast: cast,
  Where: where,
  Softmax: softmax,
  LayerNormalization: layerNormalization,
  ReduceSum: reduction(
    0,
    (s, x) => s + x,
    (s) => s,
  ),
  ReduceMean: reduction(
    0,
    (s, x) => s + x,
    (s, n) => s / n,
  ),
  ReduceMax: reduction(Number.NEGATIVE_INFINITY, Math.max, (s) => s),
};

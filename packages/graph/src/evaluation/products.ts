// Evaluation rules of the products: MatMul, Gemm, and the quantised ones.

import { f64, nth } from "../elements.js";
import { GraphError } from "../errors.js";
import { elementCount } from "../tensor.js";
import { broadcastSizes, broadcastStrides, type Call, type EvaluationRule, type NumberArray, operand, walk, zeros } from "./arrays.js";

/** out[M,N] += a[M,K] · b[K,N] with arbitrary strides. */
function product(
  out: Float64Array,
  at: number,
  a: Float64Array,
  [a0, am, ak]: readonly [number, number, number],
  b: Float64Array,
  [b0, bk, bn]: readonly [number, number, number],
  [m, k, n]: readonly [number, number, number],
): void {
  for (let i = 0; i < m; i++) {
    for (let p = 0; p < k; p++) {
      const x = f64(a, a0 + i * am + p * ak);
      const from = b0 + p * bk;
      const to = at + i * n;
      for (let j = 0; j < n; j++) out[to + j] = f64(out, to + j) + x * f64(b, from + j * bn);
    }
  }
}

function batched(call: Call, a: NumberArray, b: NumberArray): NumberArray {
  const [m, k] = [a.shape.at(-2), a.shape.at(-1)];
  const [k2, n] = [b.shape.at(-2), b.shape.at(-1)];
  if (m === undefined || k === undefined || n === undefined || k !== k2) {
    throw new GraphError(
      "shape_mismatch",
      `${call.op} — expected [.., M, K] and [.., K, N], got [${a.shape.join(", ")}] and [${b.shape.join(", ")}]. Check the feeds.`,
    );
  }
  const [leadA, leadB] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  const lead = broadcastSizes(call.op, [leadA, leadB]);
  const out = zeros(nth(call.dtypes, 0), [...lead, m, n]);
  walk(lead, [broadcastStrides(leadA, lead), broadcastStrides(leadB, lead)], (at, [i, j]) => {
    product(out.data, at * m * n, a.data, [i * m * k, k, 1], b.data, [j * k * n, n, 1], [m, k, n]);
  });
  return out;
}

function gemm(call: Call): NumberArray[] {
  const [a, b, c] = [operand(call, 0), operand(call, 1), call.inputs[2]];
  const [transA, transB] = [call.int("transA", 0) !== 0, call.int("transB", 0) !== 0];
  const [m, k] = transA ? [a.shape[1], a.shape[0]] : a.shape;
  const [k2, n] = transB ? [b.shape[1], b.shape[0]] : b.shape;
  const matrices = a.shape.length === 2 && b.shape.length === 2;
  if (!matrices || m === undefined || k === undefined || n === undefined || k !== k2) {
    throw new GraphError(
      "shape_mismatch",
      `Gemm — expected matrices of equal inner size, got [${a.shape.join(", ")}] and [${b.shape.join(", ")}]. Check the feeds.`,
    );
  }
  const out = zeros(a.dtype, [m, n]);
  product(out.data, 0, a.data, transA ? [0, 1, m] : [0, k, 1], b.data, transB ? [0, 1, k] : [0, n, 1], [m, k, n]);
  const [alpha, beta] = [call.float("alpha", 1), call.float("beta", 1)];
  if (alpha !== 1) for (let i = 0; i < out.data.length; i++) out.data[i] = f64(out.data, i) * alpha;
  if (c) {
    walk([m, n], [broadcastStrides(c.shape, [m, n])], (at, [i]) => {
      out.data[at] = f64(out.data, at) + beta * f64(c.data, i);
    });
  }
  return [out];
}

/** ONNX's DynamicQuantizeLinear: uint8 over the range of x widened to hold 0; scale, zero point. Rounds half to even. */
function dynamicQuantize(call: Call): NumberArray[] {
  const x = operand(call, 0);
  let [low, high] = [0, 0];
  for (const v of x.data) {
    low = Math.min(low, v);
    high = Math.max(high, v);
  }
  const scale = (high - low) / 255 || 1;
  const zero = Math.min(255, Math.max(0, roundEven(-low / scale)));
  const data = x.data.map((v) => Math.min(255, Math.max(0, roundEven(v / scale) + zero)));
  return [
    { dtype: "uint8", shape: x.shape, data },
    { dtype: "float32", shape: [], data: Float64Array.of(scale) },
    { dtype: "uint8", shape: [], data: Float64Array.of(zero) },
  ];
}

function roundEven(x: number): number {
  const r = Math.round(x);
  return r - x === 0.5 && r % 2 !== 0 ? r - 1 : r;
}

/** a [.., M, K] uint8 minus its zero point, times b [K, N] int8 minus its zero point (a scalar, or one a column). */
function matmulInteger(call: Call): NumberArray[] {
  const shifted = (x: NumberArray, zero: NumberArray | undefined): NumberArray => {
    if (zero === undefined) return x;
    const n = zero.data.length;
    return { ...x, data: x.data.map((v, i) => v - f64(zero.data, n === 1 ? 0 : i % n)) };
  };
  return [batched(call, shifted(operand(call, 0), call.inputs[2]), shifted(operand(call, 1), call.inputs[3]))];
}

/** x / scale rounded to uint8 about the zero point, per tensor or per slice of `axis`. Rounds half to even. */
function quantize(call: Call): NumberArray[] {
  const [x, scale, zero] = [operand(call, 0), operand(call, 1), operand(call, 2)];
  const at = sliceOf(call, x, scale);
  const data = x.data.map((v, i) => Math.min(255, Math.max(0, roundEven(v / f64(scale.data, at(i))) + f64(zero.data, at(i)))));
  return [{ dtype: zero.dtype, shape: x.shape, data }];
}

/** Which of the scales an element takes: the only one, or that of its place along `axis`. */
function sliceOf(call: Call, x: NumberArray, scale: NumberArray): (element: number) => number {
  const axis = call.int("axis", 1);
  const n = scale.data.length;
  const inner = n === 1 ? 1 : elementCount(x.shape.slice(axis < 0 ? axis + x.shape.length + 1 : axis + 1));
  return (i) => (n === 1 ? 0 : Math.floor(i / inner) % n);
}

/** onnxruntime's MatMulIntegerToFloat: the integer product, times the scale of a and those of b's columns. */
function matmulIntegerToFloat(call: Call): NumberArray[] {
  const [a, b, byA, byB] = [operand(call, 0), operand(call, 1), operand(call, 2), operand(call, 3)];
  const [product] = matmulInteger({ ...call, inputs: [a, b, call.inputs[4], call.inputs[5]] }) as [NumberArray];
  const n = byB.data.length;
  const data = product.data.map((v, i) => v * f64(byA.data, 0) * f64(byB.data, n === 1 ? 0 : i % n));
  return [{ ...product, dtype: byA.dtype, data }];
}

/** (x − zero) · scale, per tensor or per slice of `axis`. */
function dequantize(call: Call): NumberArray[] {
  const [x, scale, zero] = [operand(call, 0), operand(call, 1), call.inputs[2]];
  const at = sliceOf(call, x, scale);
  const data = x.data.map((v, i) => (v - (zero?.data[at(i)] ?? 0)) * f64(scale.data, at(i)));
  return [{ dtype: scale.dtype, shape: x.shape, data }];
}

/** onnxruntime's MatMulNBits: a [.., K] times weights [N, blocks, blockSize · bits / 8] with a scale a block; zero point 2^(bits−1). */
function matmulNBits(call: Call): NumberArray[] {
  const [a, packed, scales] = [operand(call, 0), operand(call, 1), operand(call, 2)];
  const [k, n, bits, block] = [call.int("K", 0), call.int("N", 0), call.int("bits", 4), call.int("block_size", 32)];
  const blocks = Math.ceil(k / block);
  const weights = new Float64Array(k * n);
  const perByte = 8 / bits;
  for (let j = 0; j < n; j++) {
    for (let p = 0; p < k; p++) {
      const byte = f64(packed.data, j * blocks * (block / perByte) + Math.floor(p / perByte));
      const q = (byte >> (bits * (p % perByte))) & (2 ** bits - 1);
      weights[p * n + j] = (q - 2 ** (bits - 1)) * f64(scales.data, j * blocks + Math.floor(p / block));
    }
  }
  const wide = a.shape.length === 1 ? { ...a, shape: [1, k] } : a;
  return [batched(call, wide, { dtype: a.dtype, shape: [k, n], data: weights })];
}

/** Rules by operator. */
export const productRules: Readonly<Record<string, EvaluationRule>> = {
  MatMul: (call) => [batched(call, operand(call, 0), operand(call, 1))],
  Gemm: gemm,
  DynamicQuantizeLinear: dynamicQuantize,
  MatMulInteger: matmulInteger,
  QuantizeLinear: quantize,
  MatMulIntegerToFloat: matmulIntegerToFloat,
  DequantizeLinear: dequantize,
  MatMulNBits: matmulNBits,
};

// Constant tensors: typed arrays to bytes and back, and float16. Bytes are little-endian whatever the host.

import { printShape } from "./dims.js";
import { GraphError } from "./errors.js";
import type { DType, ExternalData, Tensor } from "./graph.js";

/** Bytes per element. */
export const ELEMENT_BYTES: Readonly<Record<DType, number>> = {
  float32: 4,
  float16: 2,
  float64: 8,
  int64: 8,
  int32: 4,
  int8: 1,
  uint8: 1,
  bool: 1,
};

/** Arrays a tensor may be made of: the one that belongs to the dtype (float16 as Uint16Array bits, bool as Uint8Array). */
export type TensorArray = Float32Array | Float64Array | Uint16Array | BigInt64Array | Int32Array | Int8Array | Uint8Array;

const ARRAY_OF: Readonly<Record<DType, string>> = {
  float32: "Float32Array",
  float16: "Uint16Array",
  float64: "Float64Array",
  int64: "BigInt64Array",
  int32: "Int32Array",
  int8: "Int8Array",
  uint8: "Uint8Array",
  bool: "Uint8Array",
};

/** Number of elements of a concrete shape. */
export function elementCount(shape: readonly number[]): number {
  let n = 1;
  for (const d of shape) n *= d;
  return n;
}

function checkedLength(dtype: DType, shape: readonly number[]): number {
  if (!(dtype in ELEMENT_BYTES))
    throw new GraphError("dtype_mismatch", `tensor dtype — expected ${Object.keys(ELEMENT_BYTES).join(", ")}, got ${dtype}. Convert it.`);
  const n = elementCount(shape);
  if (!shape.every((d) => Number.isSafeInteger(d) && d >= 0) || !Number.isSafeInteger(n * 8)) {
    throw new GraphError("bad_argument", `tensor shape — expected whole sizes, got ${printShape(shape)}. Check the shape.`);
  }
  return n;
}

/**
 * A tensor over an array in memory; the array is referenced, not copied.
 * Throws `shape_mismatch` when the element count differs and `dtype_mismatch` when the array is not the dtype's own.
 * @example tensorOf("float32", [2, 2], Float32Array.of(1, 2, 3, 4))
 */
export function tensorOf(dtype: DType, shape: readonly number[], data: TensorArray): Tensor {
  const n = checkedLength(dtype, shape);
  const kind = Object.prototype.toString.call(data).slice(8, -1);
  if (kind !== ARRAY_OF[dtype])
    throw new GraphError("dtype_mismatch", `tensor data — expected ${ARRAY_OF[dtype]} for ${dtype}, got ${kind}. Convert it.`);
  if (data.length !== n) {
    throw new GraphError(
      "shape_mismatch",
      `tensor data — expected ${n} elements for ${printShape(shape)}, got ${data.length}. Check the shape.`,
    );
  }
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return { dtype, shape: [...shape], byteLength: data.byteLength, bytes: () => bytes };
}

/**
 * A tensor whose bytes are read when asked for (from a file, a state dict, a conversion); with `external` the writer refers to them in place.
 * Throws `shape_mismatch` when `external.length` is not the tensor's size.
 */
export function lazyTensor(dtype: DType, shape: readonly number[], bytes: () => Uint8Array, external?: ExternalData): Tensor {
  const byteLength = checkedLength(dtype, shape) * ELEMENT_BYTES[dtype];
  if (external !== undefined && external.length !== byteLength) {
    throw new GraphError(
      "shape_mismatch",
      `external data ${external.location} — expected ${byteLength} bytes, got ${external.length}. Check the header.`,
    );
  }
  return external === undefined
    ? { dtype, shape: [...shape], byteLength, bytes }
    : { dtype, shape: [...shape], byteLength, bytes, external };
}

/** The tensor's bytes as the dtype's own array; copied only when they are not aligned. */
export function arrayOf(tensor: Tensor): TensorArray {
  const raw = tensor.bytes();
  if (raw.byteLength !== tensor.byteLength) {
    throw new GraphError(
      "malformed_model",
      `tensor bytes — expected ${tensor.byteLength}, got ${raw.byteLength}. The file is cut or the reader is wrong.`,
    );
  }
  const size = ELEMENT_BYTES[tensor.dtype];
  // not slice: that of a Buffer is a view
  const bytes = raw.byteOffset % size === 0 ? raw : Uint8Array.from(raw);
  const n = bytes.byteLength / size;
  switch (tensor.dtype) {
    case "float32":
      return new Float32Array(bytes.buffer, bytes.byteOffset, n);
    case "float64":
      return new Float64Array(bytes.buffer, bytes.byteOffset, n);
    case "float16":
      return new Uint16Array(bytes.buffer, bytes.byteOffset, n);
    case "int64":
      return new BigInt64Array(bytes.buffer, bytes.byteOffset, n);
    case "int32":
      return new Int32Array(bytes.buffer, bytes.byteOffset, n);
    case "int8":
      return new Int8Array(bytes.buffer, bytes.byteOffset, n);
    default:
      return new Uint8Array(bytes.buffer, bytes.byteOffset, n);
  }
}

/** The tensor's numbers as float64 (int64 beyond 2^53 lose digits). */
export function numbersOf(tensor: Tensor): Float64Array {
  const data = arrayOf(tensor);
  if (tensor.dtype === "float16") return Float64Array.from(data as Uint16Array, fromFloat16);
  return data instanceof BigInt64Array ? Float64Array.from(data, Number) : Float64Array.from(data);
}

const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);

/** Nearest float16 bits of a number, ties to even; beyond ±65504 it is saturated, so that a weight never becomes infinite. NaN stays NaN. */
export function toFloat16(x: number): number {
  f32[0] = x;
  const bits = u32[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const abs = bits & 0x7fffffff;
  if (abs > 0x7f800000) return sign | 0x7e00;
  if (abs >= 0x477fe000) return sign | 0x7bff;
  if (abs < 0x38800000) return sign | roundEven(Math.abs(f32[0]) * 16777216); // subnormal: steps of 2^-24
  const rounded = abs + 0xfff + ((abs >>> 13) & 1);
  return sign | ((rounded - 0x38000000) >>> 13);
}

function roundEven(x: number): number {
  const r = Math.round(x);
  return r - x === 0.5 && r % 2 === 1 ? r - 1 : r;
}

/** The number that float16 bits stand for. */
export function fromFloat16(h: number): number {
  const exponent = (h >>> 10) & 31;
  const fraction = h & 1023;
  const sign = h & 0x8000 ? -1 : 1;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

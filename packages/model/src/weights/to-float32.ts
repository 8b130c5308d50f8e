// Stored elements to float32: every float type of the weight formats, and integers. Nothing here reads files.
// Exact for all types but F64, I32, U32, I64 and U64, whose values are rounded to the nearest float32.

import { fromFloat16 } from "@biovlm/graph";
import { ModelError } from "../contract/errors.js";
import { SAFETENSORS_DTYPES, type SafetensorsDtype } from "./safetensors.js";

/** 8-bit floats: sign, `e` exponent bits of bias `bias`, `m` fraction bits. E4M3 is the finite kind (only all-ones is NaN), E5M2 is IEEE-like. */
function float8(byte: number, e: number, m: number, bias: number, ieee: boolean): number {
  const sign = byte & 0x80 ? -1 : 1;
  const exponent = (byte >> m) & (2 ** e - 1);
  const fraction = byte & (2 ** m - 1);
  if (ieee && exponent === 2 ** e - 1) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (!ieee && (byte & 0x7f) === 0x7f) return Number.NaN;
  if (exponent === 0) return sign * (fraction / 2 ** m) * 2 ** (1 - bias);
  return sign * (1 + fraction / 2 ** m) * 2 ** (exponent - bias);
}

const table = (size: number, value: (i: number) => number) => Float32Array.from({ length: size }, (_, i) => value(i));
/** float16 → float32 by table (256 KiB), made at first use. */
let halves: Float32Array | undefined;

/** The bytes at an address their array type accepts: as they are, or copied. */
function aligned(bytes: Uint8Array, size: number): Uint8Array {
  return bytes.byteOffset % size === 0 ? bytes : bytes.slice();
}

/**
 * Elements as float32, n of them. An F32 input comes back as a view on the same memory where its address allows.
 * @throws ModelError `unsupported_dtype` for C64; `bad_argument` when the bytes are no whole number of elements.
 */
export function toFloat32(dtype: SafetensorsDtype, bytes: Uint8Array): Float32Array {
  const size = SAFETENSORS_DTYPES[dtype];
  if (bytes.byteLength % size !== 0) {
    throw new ModelError("bad_argument", `${dtype} bytes — expected a multiple of ${size}, got ${bytes.byteLength}. Check the range.`);
  }
  const n = bytes.byteLength / size;
  const { buffer, byteOffset } = aligned(bytes, size);
  switch (dtype) {
    case "F32":
      return new Float32Array(buffer, byteOffset, n);
    case "F64":
      return Float32Array.from(new Float64Array(buffer, byteOffset, n));
    case "F16": {
      halves ??= table(65536, fromFloat16);
      const lookup = halves;
      const raw = new Uint16Array(buffer, byteOffset, n);
      const out = new Float32Array(n);
      for (let i = 0; i < n; i++) out[i] = lookup[raw[i]!]!;
      return out;
    }
    case "BF16": {
      const raw = new Uint16Array(buffer, byteOffset, n);
      const out = new Uint32Array(n);
      for (let i = 0; i < n; i++) out[i] = raw[i]! << 16;
      return new Float32Array(out.buffer);
    }
    case "F8_E4M3":
      return mapped(
        bytes,
        table(256, (b) => float8(b, 4, 3, 7, false)),
      );
    case "F8_E5M2":
      return mapped(
        bytes,
        table(256, (b) => float8(b, 5, 2, 15, true)),
      );
    case "F8_E8M0":
      return mapped(
        bytes,
        table(256, (b) => (b === 255 ? Number.NaN : 2 ** (b - 127))),
      );
    case "BOOL":
    case "U8":
      return Float32Array.from(bytes);
    case "I8":
      return Float32Array.from(new Int8Array(buffer, byteOffset, n));
    case "I16":
      return Float32Array.from(new Int16Array(buffer, byteOffset, n));
    case "U16":
      return Float32Array.from(new Uint16Array(buffer, byteOffset, n));
    case "I32":
      return Float32Array.from(new Int32Array(buffer, byteOffset, n));
    case "U32":
      return Float32Array.from(new Uint32Array(buffer, byteOffset, n));
    case "I64":
      return Float32Array.from(new BigInt64Array(buffer, byteOffset, n), Number);
    case "U64":
      return Float32Array.from(new BigUint64Array(buffer, byteOffset, n), Number);
    default:
      throw new ModelError("unsupported_dtype", `tensor dtype — expected real numbers, got ${dtype}. Convert the weights to F32.`);
  }
}

function mapped(bytes: Uint8Array, values: Float32Array): Float32Array {
  return Float32Array.from(bytes, (b) => values[b]!);
}

// The header of a NumPy .npy file: dtype, order and shape, from bytes that may be hostile. No array data is read here.
// Format: github.com/numpy/numpy/blob/main/doc/neps/nep-0001-npy-format.rst, versions 1.0 to 3.0.

import { nth } from "@biovlm/files";
import { DatasetError } from "./errors.js";

/** Element types of .npy that are read, all little-endian. */
export type NpyType = "uint8" | "int64" | "float32";

/** What an .npy header says: type, shape, and where the data bytes lie. */
export interface NpyHeader {
  readonly type: NpyType;
  readonly shape: readonly number[];
  /** bytes before the data */
  readonly dataOffset: number;
  /** bytes of the data */
  readonly dataLength: number;
}

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
const TYPES: Readonly<Record<string, { type: NpyType; size: number }>> = {
  "|u1": { type: "uint8", size: 1 },
  "<u1": { type: "uint8", size: 1 },
  "<i8": { type: "int64", size: 8 },
  "<f4": { type: "float32", size: 4 },
};
/** A header longer than this is not one of an image array. */
export const MAX_NPY_HEADER = 4096;

/** Parses the header from the file's first bytes (MAX_NPY_HEADER of them, or the whole file). Throws `bad_file`. */
export function parseNpyHeader(bytes: Uint8Array, what = "npy"): NpyHeader {
  const bad = (expected: string, got: string) =>
    new DatasetError(
      "bad_file",
      `${what} — expected ${expected}, got ${got}. Use a file written by numpy.save, C order, of uint8, int64 or float32.`,
    );
  if (bytes.length < 12 || !MAGIC.every((b, i) => bytes[i] === b))
    throw bad("the NumPy magic \\x93NUMPY", `${Math.min(bytes.length, 12)} other bytes`);
  const major = nth(bytes, 6);
  if (major < 1 || major > 3) throw bad("format version 1 to 3", `version ${major}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = major === 1 ? 10 : 12;
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (start + length > Math.min(bytes.length, MAX_NPY_HEADER))
    throw bad(`a header of at most ${MAX_NPY_HEADER} bytes inside the file`, `${length} bytes`);
  const text = new TextDecoder("latin1").decode(bytes.subarray(start, start + length));
  const match = /^\{\s*'descr':\s*'([^']{2,8})',\s*'fortran_order':\s*(True|False),\s*'shape':\s*\(([0-9, ]*)\),?\s*\}\s*$/.exec(text);
  if (match === null) throw bad("a header dictionary with descr, fortran_order and shape", "another text");
  const [, dtype = "", order = "", axes = ""] = match;
  const type = TYPES[dtype];
  if (type === undefined) throw bad("dtype |u1, <i8 or <f4", dtype);
  if (order === "True") throw bad("C order", "Fortran order");
  const shape = axes
    .split(",")
    .map((s) => s.trim())
    .filter((s) => s !== "")
    .map(Number);
  const dataLength = shape.reduce((a, d) => a * d, type.size);
  if (shape.length > 5 || shape.some((d) => !Number.isSafeInteger(d)) || !Number.isSafeInteger(dataLength))
    throw bad("at most 5 axes of a countable size", `shape (${shape.join(", ")})`);
  return { type: type.type, shape, dataOffset: start + length, dataLength };
}

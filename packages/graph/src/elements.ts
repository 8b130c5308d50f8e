// One element of an array, read where the index is in range by construction: loops over a shape's own element count, axes that were checked.
// An index beyond the end gives NaN, never undefined and never 0, so that a fault shows in the result.

import { GraphError } from "./errors.js";

/** x[i] of float64 numbers, on which the evaluator computes. */
export function f64(x: Float64Array, i: number): number {
  return x[i] ?? Number.NaN;
}

/** x[i] of float32 numbers. */
export function f32(x: Float32Array, i: number): number {
  return x[i] ?? Number.NaN;
}

/** x[i] of bytes. */
export function u8(x: Uint8Array, i: number): number {
  return x[i] ?? Number.NaN;
}

/** x[i] of float numbers of either width. */
export function float(x: Float32Array | Float64Array, i: number): number {
  return x[i] ?? Number.NaN;
}

/** The i-th entry of a list that has it. Throws `bad_argument` where it has not: the graph is not valid ONNX. */
export function nth<T>(list: readonly (T | undefined)[], i: number): T {
  const entry = list[i];
  if (entry === undefined) {
    throw new GraphError(
      "bad_argument",
      `entry ${i} — expected it in a list of ${list.length}, got none. The graph is not a valid ONNX graph.`,
    );
  }
  return entry;
}

/** The value of a key that the map has. Throws `unknown_value` where it has not. */
export function named<T>(map: ReadonlyMap<string, T>, name: string): T {
  const value = map.get(name);
  if (value === undefined) {
    throw new GraphError("unknown_value", `value "${name}" — expected one of the graph, got a name it has not. Check the graph.`);
  }
  return value;
}

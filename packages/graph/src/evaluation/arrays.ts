// What the evaluator computes on: every element a float64, row-major, whatever the dtype; strides for broadcasting.

import { nth } from "../elements.js";
import { GraphError } from "../errors.js";
import type { DType } from "../graph.js";
import { elementCount } from "../tensor.js";

/** A concrete array. int64 is exact up to 2^53; bool is 0 or 1; float16 and float32 are not rounded. */
export interface NumberArray {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** One operator's call, as an evaluation rule sees it. */
export interface Call {
  readonly op: string;
  readonly inputs: readonly (NumberArray | undefined)[];
  /** dtypes of the outputs, from the graph. */
  readonly dtypes: readonly DType[];
  int(name: string, fallback: number): number;
  float(name: string, fallback: number): number;
  ints(name: string): readonly number[] | undefined;
  string(name: string, fallback: string): string;
}

/** Computes an operator's outputs. */
export type EvaluationRule = (call: Call) => NumberArray[];

/** A new zeroed array. */
export function zeros(dtype: DType, shape: readonly number[]): NumberArray {
  return { dtype, shape: [...shape], data: new Float64Array(elementCount(shape)) };
}

/** The i-th input, or an error that names the operator. */
export function operand(call: Call, i: number): NumberArray {
  const a = call.inputs[i];
  if (a === undefined)
    throw new GraphError("bad_argument", `${call.op} — expected an input ${i}, got none. The graph is not a valid ONNX graph.`);
  return a;
}

/** NumPy's broadcast of concrete shapes. */
export function broadcastSizes(op: string, shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(0, ...shapes.map((s) => s.length));
  const out = new Array<number>(rank).fill(1);
  for (const s of shapes) {
    s.forEach((d, i) => {
      const at = rank - s.length + i;
      if (d === 1 || d === out[at]) return;
      if (out[at] !== 1)
        throw new GraphError(
          "shape_mismatch",
          `${op} — expected shapes that broadcast, got ${shapes.map((x) => `[${x.join(", ")}]`).join(" and ")}. Check the feeds.`,
        );
      out[at] = d;
    });
  }
  return out;
}

/** Row-major strides of `shape` seen as broadcast to `out`: 0 on broadcast axes. */
export function broadcastStrides(shape: readonly number[], out: readonly number[]): number[] {
  const strides = new Array<number>(out.length).fill(0);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] !== 1) strides[out.length - shape.length + i] = step;
    step *= nth(shape, i);
  }
  return strides;
}

/** Calls `visit` with the flat offset of each operand, for every element of `out` in row-major order. */
export function walk<const S extends readonly (readonly number[])[]>(
  out: readonly number[],
  strides: S,
  visit: (at: number, offsets: { readonly [K in keyof S]: number }) => void,
): void {
  const total = elementCount(out);
  const index = new Array<number>(out.length).fill(0);
  const offsets = strides.map(() => 0) as { -readonly [K in keyof S]: number } & number[]; // map keeps the length
  for (let at = 0; at < total; at++) {
    visit(at, offsets);
    for (let d = out.length - 1; d >= 0; d--) {
      index[d]!++;
      for (let k = 0; k < strides.length; k++) offsets[k]! += strides[k]![d]!;
      if (index[d]! < out[d]!) break;
      for (let k = 0; k < strides.length; k++) offsets[k]! -= strides[k]![d]! * out[d]!;
      index[d] = 0;
    }
  }
}

/** Sizes before, at and after an axis. */
export function aroundAxis(shape: readonly number[], axis: number): { outer: number; size: number; inner: number } {
  return { outer: elementCount(shape.slice(0, axis)), size: shape[axis] ?? 1, inner: elementCount(shape.slice(axis + 1)) };
}

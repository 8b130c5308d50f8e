// Evaluation rules of the operators that move elements: reshape, transpose, gather, scatter, slice, concat, pad, expand, shape.

import { axisOf } from "../dims.js";
import { f64, nth } from "../elements.js";
import { GraphError } from "../errors.js";
import { elementCount } from "../tensor.js";
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

function reshape(call: Call): NumberArray[] {
  const x = operand(call, 0);
  const target = Array.from(operand(call, 1).data).map((d, i) => (d === 0 && call.int("allowzero", 0) === 0 ? (x.shape[i] ?? 0) : d));
  const rest = target.indexOf(-1);
  if (rest >= 0) target[rest] = x.data.length / target.reduce((n, d, i) => (i === rest ? n : n * d), 1);
  return [reshaped(call, x, target)];
}

function reshaped(call: Call, x: NumberArray, shape: readonly number[]): NumberArray {
  if (elementCount(shape) !== x.data.length || !shape.every((d) => Number.isInteger(d) && d >= 0)) {
    throw new GraphError(
      "shape_mismatch",
      `${call.op} — expected ${x.data.length} elements, got shape [${shape.join(", ")}]. Check the feeds.`,
    );
  }
  return { dtype: x.dtype, shape, data: x.data };
}

function axesInput(call: Call, rank: number): number[] {
  return Array.from(operand(call, 1).data).map((a) => axisOf(call.op, a, rank));
}

function unsqueeze(call: Call): NumberArray[] {
  const x = operand(call, 0);
  const rank = x.shape.length + operand(call, 1).data.length;
  const axes = axesInput(call, rank);
  const rest = x.shape.values();
  return [
    reshaped(
      call,
      x,
      Array.from({ length: rank }, (_, i) => (axes.includes(i) ? 1 : (rest.next().value ?? 1))),
    ),
  ];
}

function squeeze(call: Call): NumberArray[] {
  const x = operand(call, 0);
  const axes = call.inputs[1] ? axesInput(call, x.shape.length) : x.shape.flatMap((d, i) => (d === 1 ? [i] : []));
  return [
    reshaped(
      call,
      x,
      x.shape.filter((_, i) => !axes.includes(i)),
    ),
  ];
}

function transpose(call: Call): NumberArray[] {
  const x = operand(call, 0);
  const perm = call.ints("perm") ?? x.shape.map((_, i) => x.shape.length - 1 - i);
  const own = broadcastStrides(x.shape, x.shape);
  const out = zeros(
    x.dtype,
    perm.map((p) => nth(x.shape, p)),
  );
  walk(out.shape, [perm.map((p) => nth(own, p))], (at, [from]) => {
    out.data[at] = f64(x.data, from);
  });
  return [out];
}

/** A row index, counted from the end when negative. */
function row(call: Call, index: number, size: number): number {
  const at = index < 0 ? index + size : index;
  if (!Number.isInteger(at) || at < 0 || at >= size)
    throw new GraphError("bad_argument", `${call.op} index — expected -${size}..${size - 1}, got ${index}. Check the feeds.`);
  return at;
}

function gather(call: Call): NumberArray[] {
  const [x, index] = [operand(call, 0), operand(call, 1)];
  const axis = axisOf(call.op, call.int("axis", 0), x.shape.length);
  const { outer, size, inner } = aroundAxis(x.shape, axis);
  const out = zeros(x.dtype, [...x.shape.slice(0, axis), ...index.shape, ...x.shape.slice(axis + 1)]);
  const m = index.data.length;
  for (let o = 0; o < outer; o++) {
    for (let k = 0; k < m; k++) {
      const from = (o * size + row(call, f64(index.data, k), size)) * inner;
      out.data.set(x.data.subarray(from, from + inner), (o * m + k) * inner);
    }
  }
  return [out];
}

function scatterElements(call: Call): NumberArray[] {
  const [x, index, updates] = [operand(call, 0), operand(call, 1), operand(call, 2)];
  const axis = axisOf(call.op, call.int("axis", 0), x.shape.length);
  const data = x.data.slice();
  const strides = broadcastStrides(x.shape, x.shape);
  strides[axis] = 0;
  const step = aroundAxis(x.shape, axis).inner;
  const add = call.string("reduction", "none") === "add";
  walk(index.shape, [strides], (at, [base]) => {
    const to = base + row(call, f64(index.data, at), nth(x.shape, axis)) * step;
    data[to] = f64(updates.data, at) + (add ? f64(data, to) : 0);
  });
  return [{ ...x, data }];
}

function scatterRows(call: Call): NumberArray[] {
  const [x, index, updates] = [operand(call, 0), operand(call, 1), operand(call, 2)];
  if (index.shape.at(-1) !== 1)
    throw new GraphError(
      "unsupported_operator",
      `ScatterND — expected indices [.., 1], got [${index.shape.join(", ")}]. Only rows are evaluated.`,
    );
  const data = x.data.slice();
  const width = elementCount(x.shape.slice(1));
  const add = call.string("reduction", "none") === "add";
  for (let k = 0; k < index.data.length; k++) {
    const to = row(call, f64(index.data, k), nth(x.shape, 0)) * width;
    for (let i = 0; i < width; i++) data[to + i] = f64(updates.data, k * width + i) + (add ? f64(data, to + i) : 0);
  }
  return [{ ...x, data }];
}

function concat(call: Call): NumberArray[] {
  const xs = call.inputs.map((_, i) => operand(call, i));
  const axis = axisOf(call.op, call.int("axis", 0), nth(xs, 0).shape.length);
  const { outer, inner } = aroundAxis(nth(xs, 0).shape, axis);
  const size = xs.reduce((n, x) => n + nth(x.shape, axis), 0);
  const out = zeros(
    nth(xs, 0).dtype,
    nth(xs, 0).shape.map((d, i) => (i === axis ? size : d)),
  );
  let at = 0;
  for (const x of xs) {
    const run = nth(x.shape, axis) * inner;
    for (let o = 0; o < outer; o++) out.data.set(x.data.subarray(o * run, (o + 1) * run), o * size * inner + at);
    at += run;
  }
  return [out];
}

/** The part start..end of one axis. */
function part(x: NumberArray, axis: number, start: number, end: number): NumberArray {
  const { outer, size, inner } = aroundAxis(x.shape, axis);
  const run = Math.max(0, end - start) * inner;
  const out = zeros(
    x.dtype,
    x.shape.map((d, i) => (i === axis ? Math.max(0, end - start) : d)),
  );
  for (let o = 0; o < outer; o++) {
    const from = (o * size + start) * inner;
    out.data.set(x.data.subarray(from, from + run), o * run);
  }
  return out;
}

function slice(call: Call): NumberArray[] {
  let x = operand(call, 0);
  const [starts, ends] = [operand(call, 1).data, operand(call, 2).data];
  if (call.inputs[4]?.data.some((s) => s !== 1))
    throw new GraphError("unsupported_operator", "Slice — expected steps of 1, got others. Use Gather.");
  for (let k = 0; k < starts.length; k++) {
    const axis = axisOf(call.op, call.inputs[3]?.data[k] ?? k, x.shape.length);
    const size = nth(x.shape, axis);
    const clamp = (v: number) => Math.min(size, Math.max(0, v < 0 ? v + size : v));
    x = part(x, axis, clamp(f64(starts, k)), clamp(f64(ends, k)));
  }
  return [x];
}

function split(call: Call): NumberArray[] {
  const x = operand(call, 0);
  const axis = axisOf(call.op, call.int("axis", 0), x.shape.length);
  const n = call.dtypes.length;
  const size = Math.ceil(nth(x.shape, axis) / n);
  const sizes = call.inputs[1]
    ? Array.from(call.inputs[1].data)
    : Array.from({ length: n }, (_, i) => Math.min(size, nth(x.shape, axis) - i * size));
  let at = 0;
  return sizes.map((s) => {
    at += s;
    return part(x, axis, at - s, at);
  });
}

function pad(call: Call): NumberArray[] {
  const [x, pads] = [operand(call, 0), operand(call, 1).data];
  const rank = x.shape.length;
  if (call.string("mode", "constant") !== "constant" || pads.length !== 2 * rank || pads.some((p) => p < 0)) {
    throw new GraphError(
      "unsupported_operator",
      "Pad — expected mode constant and pads ≥ 0 for every axis, got others. Use Concat or Slice.",
    );
  }
  const out = zeros(
    x.dtype,
    x.shape.map((d, i) => d + f64(pads, i) + f64(pads, i + rank)),
  );
  out.data.fill(call.inputs[2]?.data[0] ?? 0);
  const strides = out.shape.map((_, i) => elementCount(out.shape.slice(i + 1)));
  const base = strides.reduce((n, s, i) => n + s * f64(pads, i), 0);
  walk(x.shape, [strides], (at, [to]) => {
    out.data[base + to] = f64(x.data, at);
  });
  return [out];
}

function expand(call: Call): NumberArray[] {
  const x = operand(call, 0);
  const out = zeros(x.dtype, broadcastSizes(call.op, [x.shape, Array.from(operand(call, 1).data)]));
  walk(out.shape, [broadcastStrides(x.shape, out.shape)], (at, [from]) => {
    out.data[at] = f64(x.data, from);
  });
  return [out];
}

function shape(call: Call): NumberArray[] {
  const x = operand(call, 0);
  const cut = x.shape.slice(call.int("start", 0), call.int("end", x.shape.length));
  return [{ dtype: "int64", shape: [cut.length], data: Float64Array.from(cut) }];
}

/** Rules by operator. */
export const layoutRules: Readonly<Record<string, EvaluationRule>> = {
  Reshape: reshape,
  Unsqueeze: unsqueeze,
  Squeeze: squeeze,
  Transpose: transpose,
  Gather: gather,
  ScatterElements: scatterElements,
  ScatterND: scatterRows,
  Concat: concat,
  Slice: slice,
  Split: split,
  Pad: pad,
  Expand: expand,
  Shape: shape,
};

// Derivatives of the operators that move elements: what went forth by gather comes back by scatter, by slice comes back by pad.

import { intAttribute, intsAttribute, stringAttribute } from "../attributes.js";
import { axisOf, product, sum } from "../dims.js";
import { nth } from "../elements.js";
import { GraphError } from "../errors.js";
import type { Dim, Value } from "../graph.js";
import type { DerivativeRule } from "./rule.js";

/** Reshape, Squeeze, Unsqueeze and Identity. */
export const reshape: DerivativeRule = (call) => call.give(0, call.b.reshape(call.dy, nth(call.inputs, 0).shape));

export const transpose: DerivativeRule = (call) => {
  const perm = intsAttribute(call.node, "perm") ?? nth(call.inputs, 0).shape.map((_, i, s) => s.length - 1 - i);
  const inverse = perm.map((_, i) => perm.indexOf(i));
  call.give(0, call.b.transpose(call.dy, inverse));
};

export const expand: DerivativeRule = (call) => call.give(0, call.b.reduceTo(call.dy, nth(call.inputs, 0).shape));

/** One constant index is a pad; any other indices scatter-add, in the order of the indices. */
export const gather: DerivativeRule = (call) => {
  const { b, dy } = call;
  const [x, index] = call.inputs as [Value, Value];
  const rank = x.shape.length;
  const axis = axisOf("Gather", intAttribute(call.node, "axis", 0), rank);
  const constant = call.constant(1);
  if (constant?.length === 1) {
    const wide = b.reshape(dy, [...x.shape.slice(0, axis), 1, ...x.shape.slice(axis + 1)]);
    const at = nth(constant, 0);
    const size = nth(x.shape, axis);
    const start = at >= 0 ? at : typeof size === "number" ? at + size : b.add(b.size(size), b.literal([at], "int64"));
    call.give(0, b.padInto(wide, axis, start, size));
    return;
  }
  // The gathered axis to the front, rows of all else behind it: [m, rest].
  const order = [axis, ...x.shape.flatMap((_, i) => (i === axis ? [] : [i]))];
  const indexAxes = index.shape.map((_, i) => axis + i);
  const dyOrder = [...indexAxes, ...dy.shape.flatMap((_, i) => (indexAxes.includes(i) ? [] : [i]))];
  const rest = order.slice(1).map((i) => nth(x.shape, i));
  const rows = product(index.shape);
  const updates = b.reshape(b.transpose(dy, dyOrder), [rows, ...rest]);
  const indices = b.reshape(b.cast(call.x(1), "int64"), [rows, ...rest.map(() => 1)]);
  const moved: readonly Dim[] = [nth(x.shape, axis), ...rest];
  const [scattered] = b.node(
    "ScatterElements",
    [b.zeros(dy, moved), b.expand(indices, [rows, ...rest]), updates],
    [{ dtype: dy.dtype, shape: moved }],
    {
      axis: { int: 0 },
      reduction: { string: "add" },
    },
  ) as [Value];
  const back = x.shape.map((_, i) => order.indexOf(i));
  call.give(0, b.transpose(scattered, back));
};

/** ScatterND with reduction add on rows: the data's gradient passes, an update's is gathered from its row. */
export const scatterRows: DerivativeRule = (call) => {
  const { b, dy } = call;
  if (stringAttribute(call.node, "reduction", "none") !== "add")
    throw new GraphError("not_differentiable", "ScatterND — expected reduction add, got another. Add instead of overwriting.");
  if (call.wants(0)) call.give(0, dy);
  if (call.wants(2)) call.give(2, b.gather(dy, b.reshape(call.x(1), [nth(nth(call.inputs, 1).shape, 0)]), 0));
};

export const concat: DerivativeRule = (call) => {
  const { b, dy } = call;
  const axis = axisOf("Concat", intAttribute(call.node, "axis", 0), dy.shape.length);
  const sizes = call.inputs.map((v) => nth(v.shape, axis));
  if (call.inputs.length > 1 && sizes.every((s) => typeof s === "number") && call.inputs.every((_, i) => call.wants(i))) {
    for (const [i, part] of b.split(dy, sizes, axis).entries()) call.give(i, part);
    return;
  }
  sizes.forEach((size, i) => {
    if (!call.wants(i)) return;
    const before = sizes.slice(0, i);
    const start = before.reduce<Value>((a, s) => b.add(a, b.size(s)), b.literal([0], "int64"));
    if (typeof size === "number" && before.every((s) => typeof s === "number")) {
      const at = sum(before) as number;
      call.give(i, b.slice(dy, { axis, start: at, end: at + size }));
    } else call.give(i, b.sliceAt(dy, axis, start, b.add(start, b.size(size)), size));
  });
};

export const slice: DerivativeRule = (call) => {
  const { b, dy } = call;
  const shape = nth(call.inputs, 0).shape;
  const [starts, axes] = [call.constant(1), call.constant(3) ?? call.constant(1)?.map((_, i) => i)];
  if (starts === undefined || axes === undefined || starts.length !== 1 || call.constant(4)?.some((s) => s !== 1)) {
    throw new GraphError(
      "not_differentiable",
      "Slice — expected one axis, a constant start and steps of 1, got another form. Slice one axis at a time.",
    );
  }
  const axis = axisOf("Slice", nth(axes, 0), shape.length);
  const size = nth(shape, axis);
  const at = nth(starts, 0);
  const start = at >= 0 ? at : typeof size === "number" ? Math.max(0, at + size) : b.add(b.size(size), b.literal([at], "int64"));
  call.give(0, b.padInto(dy, axis, start, size));
};

export const split: DerivativeRule = (call) => {
  const { b } = call;
  const axis = axisOf("Split", intAttribute(call.node, "axis", 0), nth(call.inputs, 0).shape.length);
  const like = call.dys.find((d) => d !== undefined) ?? call.dy;
  call.give(
    0,
    b.concat(
      call.outputs.map((o, i) => call.dys[i] ?? b.zeros(like, o.shape)),
      axis,
    ),
  );
};

// Derivatives of the elementwise operators, the reductions, Softmax and LayerNormalization. Each asks for the operand or the result,
// whichever leaves less to compute, and for nothing else.

import { floatAttribute, intAttribute, intsAttribute } from "../attributes.js";
import { axisOf, product } from "../dims.js";
import { nth } from "../elements.js";
import { GraphError } from "../errors.js";
import type { Value } from "../graph.js";
import type { DerivativeCall, DerivativeRule } from "./rule.js";

export const add: DerivativeRule = (call) => {
  for (const i of [0, 1]) if (call.wants(i)) call.give(i, call.b.reduceTo(call.dy, nth(call.inputs, i).shape));
};

export const sub: DerivativeRule = (call) => {
  const { b, dy } = call;
  if (call.wants(0)) call.give(0, b.reduceTo(dy, nth(call.inputs, 0).shape));
  if (call.wants(1)) call.give(1, b.neg(b.reduceTo(dy, nth(call.inputs, 1).shape)));
};

export const mul: DerivativeRule = (call) => {
  const { b, dy } = call;
  for (const i of [0, 1]) if (call.wants(i)) call.give(i, b.reduceTo(b.mul(dy, call.x(1 - i)), nth(call.inputs, i).shape));
};

/** y = a / b: da = dy / b, db = −da · y. */
export const div: DerivativeRule = (call) => {
  const { b } = call;
  const da = b.div(call.dy, call.x(1));
  if (call.wants(0)) call.give(0, b.reduceTo(da, nth(call.inputs, 0).shape));
  if (call.wants(1)) call.give(1, b.neg(b.reduceTo(b.mul(da, call.y(0)), nth(call.inputs, 1).shape)));
};

/** y = aᵉ: da = dy · e · a^(e−1), de = dy · y · log a. */
export const pow: DerivativeRule = (call) => {
  const { b, dy } = call;
  if (call.wants(0)) {
    const e = call.x(1);
    const slope = b.mul(b.pow(call.x(0), b.sub(e, 1)), e);
    call.give(0, b.reduceTo(b.mul(dy, slope), nth(call.inputs, 0).shape));
  }
  if (call.wants(1)) call.give(1, b.reduceTo(b.mul(dy, b.mul(call.y(0), b.log(call.x(0)))), nth(call.inputs, 1).shape));
};

/** A rule for y = f(x) from dy times a slope. */
function unary(slope: (call: DerivativeCall) => Value): DerivativeRule {
  return (call) => call.give(0, call.b.mul(call.dy, slope(call)));
}

export const exp = unary((call) => call.y(0));
export const tanh = unary(({ b, y }) => b.sub(1, b.mul(y(0), y(0))));
export const erf = unary(({ b, x }) => b.mul(b.exp(b.neg(b.mul(x(0), x(0)))), 2 / Math.sqrt(Math.PI)));
export const log: DerivativeRule = ({ b, dy, x, give }) => give(0, b.div(dy, x(0)));
export const sqrt: DerivativeRule = ({ b, dy, y, give }) => give(0, b.div(b.mul(dy, 0.5), y(0)));
export const neg: DerivativeRule = ({ b, dy, give }) => give(0, b.neg(dy));

/** y = x · Φ(x): slope Φ + x·φ = ½(1 + erf u) + u·e^(−u²)/√π with u = x/√2. */
export const gelu: DerivativeRule = (call) => {
  if (call.node.attributes["approximate"] !== undefined)
    throw new GraphError("not_differentiable", "Gelu — expected the exact form, got approximate. Use erf.");
  const { b } = call;
  const u = b.mul(call.x(0), Math.SQRT1_2);
  const minus = b.neg(u);
  const density = b.mul(b.mul(minus, b.exp(b.mul(u, minus))), 1 / Math.sqrt(Math.PI));
  const cumulative = b.add(b.mul(b.erf(u), 0.5), 0.5);
  call.give(0, b.mul(call.dy, b.sub(cumulative, density)));
};

export const cast: DerivativeRule = (call) => call.give(0, call.b.cast(call.dy, nth(call.inputs, 0).dtype));

export const where: DerivativeRule = (call) => {
  const { b, dy } = call;
  const cond = call.x(0);
  if (call.wants(1)) call.give(1, b.reduceTo(b.where(cond, dy, 0), nth(call.inputs, 1).shape));
  if (call.wants(2)) call.give(2, b.reduceTo(b.where(cond, 0, dy), nth(call.inputs, 2).shape));
};

/** y = softmax(x): dx = y ⊙ (dy − Σ dy ⊙ y). */
export const softmax: DerivativeRule = (call) => {
  const { b, dy } = call;
  const y = call.y(0);
  const axis = axisOf("Softmax", intAttribute(call.node, "axis", -1), y.shape.length);
  call.give(0, b.mul(y, b.sub(dy, b.reduceSum(b.mul(dy, y), [axis], true))));
};

/**
 * y = x̂ · scale + bias with x̂ = (x − mean) · r: dx = r · (g − mean(g) − x̂ · mean(g ⊙ x̂)), g = dy · scale.
 * x̂ and r come from x by the same fused operator with scale 1, one pass, so that only x is on the tape.
 */
export const layerNormalization: DerivativeRule = (call) => {
  const { b, dy, node } = call;
  if (call.dys[1] ?? call.dys[2])
    throw new GraphError(
      "not_differentiable",
      "LayerNormalization — expected a gradient of its first output only, got one of its statistics. Compute them by ReduceMean.",
    );
  const shape = nth(call.inputs, 0).shape;
  const axis = axisOf("LayerNormalization", intAttribute(node, "axis", -1), shape.length);
  const axes = shape.flatMap((_, i) => (i >= axis ? [i] : []));
  const scale = nth(call.inputs, 1);
  if (call.wants(0) || call.wants(1)) {
    const [normalised, inverse] = standardised(call, axis);
    if (call.wants(0)) {
      const g = b.mul(dy, call.x(1));
      const along = b.mul(normalised, b.reduceMean(b.mul(g, normalised), axes, true));
      call.give(0, b.mul(b.sub(b.sub(g, b.reduceMean(g, axes, true)), along), inverse));
    }
    if (call.wants(1)) call.give(1, b.reduceTo(b.mul(dy, normalised), scale.shape));
  }
  if (call.wants(2)) call.give(2, b.reduceTo(dy, nth(call.inputs, 2).shape));
};

/** x̂ and r of LayerNormalization, r with sizes 1 on the normalised axes. */
function standardised(call: DerivativeCall, axis: number): [Value, Value] {
  const { b, node } = call;
  const x = call.x(0);
  const scale = nth(call.inputs, 1);
  const size = scale.shape.length === 1 ? nth(scale.shape, 0) : "many";
  const ones =
    typeof size === "number" ? b.literal(new Array<number>(size).fill(1), scale.dtype) : b.expand(b.literal(1, scale.dtype), scale.shape);
  // Under one more axis, because onnxruntime fuses Add + LayerNormalization for WebGPU into an operator that has no statistics.
  const lifted = b.unsqueeze(x, [0]);
  const [normalised, , inverse] = b.layerNormalizationWithStatistics(
    lifted,
    ones,
    undefined,
    floatAttribute(node, "epsilon", 1e-5),
    axis + 1,
  ) as [Value, Value, Value];
  return [
    b.reshape(normalised, x.shape),
    b.reshape(
      inverse,
      x.shape.map((d, i) => (i < axis ? d : 1)),
    ),
  ];
}

/** The axes a reduction runs over and its gradient with those axes back in place, of size 1. */
function reduced(call: DerivativeCall, v: Value): Value {
  const shape = nth(call.inputs, 0).shape;
  const axes = reductionAxes(call);
  return call.b.reshape(
    v,
    shape.map((d, i) => (axes.includes(i) ? 1 : d)),
  );
}

function reductionAxes(call: DerivativeCall): number[] {
  const rank = nth(call.inputs, 0).shape.length;
  const given = call.constant(1) ?? intsAttribute(call.node, "axes");
  return given === undefined ? nth(call.inputs, 0).shape.map((_, i) => i) : given.map((a) => axisOf(call.node.op, a, rank));
}

export const reduceSum: DerivativeRule = (call) => call.give(0, call.b.expand(reduced(call, call.dy), nth(call.inputs, 0).shape));

export const reduceMean: DerivativeRule = (call) => {
  const { b } = call;
  const shape = nth(call.inputs, 0).shape;
  const count = product(reductionAxes(call).map((a) => nth(shape, a)));
  const dy = reduced(call, call.dy);
  const share = typeof count === "number" ? b.mul(dy, 1 / count) : b.div(dy, b.cast(b.size(count), dy.dtype));
  call.give(0, b.expand(share, shape));
};

/** The gradient goes to the largest element, in equal shares where several are equal. */
export const reduceMax: DerivativeRule = (call) => {
  const { b } = call;
  const axes = reductionAxes(call);
  const largest = b.cast(b.equal(call.x(0), reduced(call, call.y(0))), call.dy.dtype);
  call.give(0, b.mul(largest, b.div(reduced(call, call.dy), b.reduceSum(largest, axes, true))));
};

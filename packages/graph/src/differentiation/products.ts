// Derivatives of MatMul and Gemm. For a frozen weight only the product with it is emitted; the weight's own initializer serves both ways,
// through Gemm's transposition flags, so that no transposed copy exists.

import { floatAttribute, intAttribute } from "../attributes.js";
import { product } from "../dims.js";
import { nth } from "../elements.js";
import type { Value } from "../graph.js";
import type { BackwardBuilder } from "./backward-builder.js";
import type { DerivativeRule } from "./rule.js";

/** Leading axes as one: [.., K] → [M, K]. */
function matrix(b: BackwardBuilder, x: Value): Value {
  return x.shape.length === 2 ? x : b.reshape(x, [product(x.shape.slice(0, -1)), nth(x.shape, x.shape.length - 1)]);
}

/** y = a · b: da = dy · bᵀ, db = aᵀ · dy, each summed over the axes it was broadcast along. */
export const matmul: DerivativeRule = (call) => {
  const { b, dy } = call;
  const [left, right] = call.inputs as [Value, Value];
  const flat = right.shape.length === 2;
  if (call.wants(0)) {
    const da = flat ? b.reshape(b.gemm(matrix(b, dy), call.x(1), { transB: true }), left.shape) : b.matmul(dy, b.transposeLast(call.x(1)));
    call.give(0, b.reduceTo(da, left.shape));
  }
  if (call.wants(1)) {
    const db = flat ? b.gemm(matrix(b, call.x(0)), matrix(b, dy), { transA: true }) : b.matmul(b.transposeLast(call.x(0)), dy);
    call.give(1, b.reduceTo(db, right.shape));
  }
};

/** y = alpha · A · B + beta · c, with A = aᵀ under transA and B = bᵀ under transB. */
export const gemm: DerivativeRule = (call) => {
  const { b, dy, node } = call;
  const [transA, transB] = [intAttribute(node, "transA", 0) !== 0, intAttribute(node, "transB", 0) !== 0];
  const [alpha, beta] = [floatAttribute(node, "alpha", 1), floatAttribute(node, "beta", 1)];
  if (call.wants(0)) {
    // The first operand's gradient is where projections of one activation meet (query, key, value): Gemm adds the sum so far for free.
    const bias = call.pending(0);
    const sum = bias === undefined ? { alpha } : { alpha, bias };
    call.replace(
      0,
      transA ? b.gemm(call.x(1), dy, { ...sum, transA: transB, transB: true }) : b.gemm(dy, call.x(1), { ...sum, transB: !transB }),
    );
  }
  if (call.wants(1)) {
    call.give(
      1,
      transB ? b.gemm(dy, call.x(0), { alpha, transA: true, transB: transA }) : b.gemm(call.x(0), dy, { alpha, transA: !transA }),
    );
  }
  if (call.wants(2)) {
    const dc = b.reduceTo(dy, nth(call.inputs, 2).shape);
    call.give(2, beta === 1 ? dc : b.mul(dc, beta));
  }
};

// Multi-head attention and the feed-forward pair as graph operators, shared by both towers. Letters: n rows, L length, W width, H heads.

import { nth } from "@biovlm/files";
import type { GraphBuilder, Tensor, Value } from "@biovlm/graph";
import { rowsOf, type TowerWeights } from "../weights/weight-view.js";

/** [n, L, W] → [n, H, L, W/H], or with `perm` [0, 2, 3, 1] transposed to [n, H, W/H, L]. */
function heads(b: GraphBuilder, x: Value, count: number, perm: readonly number[]): Value {
  const width = x.shape[2] as number;
  return b.transpose(b.reshape(x, ["keep", "keep", count, width / count]), perm);
}

/**
 * softmax(q·kᵀ/√(W/H) + bias)·v, heads joined again.
 * @param q [n, Lq, W]; Lq is 1 where only the first row is asked for
 * @param k [n, L, W] @param v [n, L, W] @param bias [n, 1, 1, L] added to the scores, or none
 * @returns [n, Lq, W]
 */
export function attend(b: GraphBuilder, q: Value, k: Value, v: Value, count: number, bias?: Value): Value {
  const width = q.shape[2] as number;
  const scaled = b.mul(heads(b, q, count, [0, 2, 1, 3]), (width / count) ** -0.5);
  const scores = b.matmul(scaled, heads(b, k, count, [0, 2, 3, 1]));
  const weights = b.softmax(bias === undefined ? scores : b.add(scores, bias));
  const mixed = b.matmul(weights, heads(b, v, count, [0, 2, 1, 3]));
  return b.reshape(b.transpose(mixed, [0, 2, 1, 3]), [nth(q.shape, 0), nth(q.shape, 1), width]);
}

/** What keys and values are made with: matrices [W, W] as [H, W/H, W], and the value's bias [W]. */
export interface KeyAndValue {
  readonly key: Value;
  readonly value: Value;
  readonly valueBias: Value;
}

/**
 * attend() of one query a row over `x`, of which keys and values would be made, without making them: the query goes through the key's matrix to
 * the rows, and their mean through the value's, so that each matrix meets one row a head instead of L. The key's bias adds the same to all scores
 * of a head, which softmax takes away. Equal but for the order of sums.
 * @param q [n, 1, W] @param x [n, L, W]
 * @returns [n, 1, W]
 */
export function attendOnce(b: GraphBuilder, q: Value, x: Value, { key, value, valueBias }: KeyAndValue, count: number): Value {
  const [n, , width] = q.shape as readonly [number | string, number, number];
  // one row to each product, whatever n: so an image alone and in a batch take the same sums
  const apart = b.mul(b.reshape(q, ["keep", count, 1, width / count]), (width / count) ** -0.5);
  const asked = b.reshape(b.matmul(apart, key), ["keep", "keep", width]);
  const weights = b.softmax(b.matmul(asked, b.transpose(x, [0, 2, 1])));
  const mixed = b.reshape(b.matmul(weights, x), ["keep", "keep", 1, width]);
  return b.add(b.reshape(b.matmul(mixed, b.transpose(value, [0, 2, 1])), [n, 1, width]), valueBias);
}

/**
 * Columns of a product's left side from which it is summed in pieces: rows of 3 072 floats lie so apart that a processor's nearest cache holds eight
 * of them and a product takes twelve at a time. Two pieces of 1 536 are 4 % faster there and back (docs/benchmarks.md).
 */
const WIDE = 3072;

/**
 * Builders of named layers over one set of weights: `linear("x")` uses `x.weight` and, where there is one, `x.bias`.
 * @param wide inner width from which a feed-forward pair runs in two halves
 */
export function layersOf(b: GraphBuilder, weights: TowerWeights, wide = WIDE) {
  const constant = (name: string, tensor: Tensor = weights.get(name)) => b.constant(tensor, name);
  const linear = (x: Value, name: string, bias = true): Value =>
    b.linear(x, constant(`${name}.weight`), bias ? constant(`${name}.bias`) : undefined);
  return {
    constant,
    linear,
    /** second(gelu(first(x))); in two halves of the inner width where that is wide, the second adding to the first's sums */
    feedForward: (x: Value, first: string, second: string): Value => {
      const [inner, outer] = weights.get(`${first}.weight`).shape as [number, number];
      if (inner < wide || inner % 2 !== 0) return linear(b.gelu(linear(x, first)), second);
      const half = inner / 2;
      const flat = b.reshape(x, [-1, outer]);
      const rows = (name: string, from: number) => constant(`${name}.from${from}`, rowsOf(weights.get(name), from, from + half));
      const inside = (from: number) => b.gelu(b.linear(flat, rows(`${first}.weight`, from), rows(`${first}.bias`, from)));
      const [left, right] = b.split(constant(`${second}.weight`), [half, half], 1) as [Value, Value];
      const some = b.gemm(inside(0), left, { transB: true, bias: constant(`${second}.bias`) });
      return b.reshape(b.gemm(inside(half), right, { transB: true, bias: some }), x.shape);
    },
    norm: (x: Value, name: string, eps: number): Value =>
      b.layerNormalization(x, constant(`${name}.weight`), constant(`${name}.bias`), eps),
  };
}

/** The first of L rows: [n, L, W] → [n, 1, W]. */
export function firstRow(b: GraphBuilder, x: Value): Value {
  return b.slice(x, { axis: 1, start: 0, end: 1 });
}

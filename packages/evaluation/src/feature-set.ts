// Image embeddings with labels, and what every method of the harness sees of a few-shot task.

import { nth } from "@biovlm/files";

/** features [n,D] L2-normalised, labels [n] in 0..C−1. */
export interface FeatureSet {
  readonly features: Float32Array;
  readonly labels: Int32Array;
  readonly n: number;
}

/** The rows named, in their order. */
export function someOf({ features, labels, n }: FeatureSet, rows: readonly number[]): FeatureSet {
  const D = features.length / n;
  const picked = new Float32Array(rows.length * D);
  for (const [at, row] of rows.entries()) picked.set(features.subarray(row * D, (row + 1) * D), at * D);
  return { features: picked, labels: Int32Array.from(rows, (row) => nth(labels, row)), n: rows.length };
}

/** A fitted method: class logits of image embeddings. */
export interface FittedClassifier {
  /** features [n,D] normalised → logits [n,C] */
  logits(features: Float32Array, n: number): Float32Array;
}

/** a [n,D] · b [m,D]ᵀ in float64 → [n,m]. */
export function similarities(a: Float32Array, b: Float32Array, n: number, m: number, D: number): Float64Array {
  const out = new Float64Array(n * m);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < m; j++) {
      let sum = 0;
      for (let d = 0; d < D; d++) sum += nth(a, i * D + d) * nth(b, j * D + d);
      out[i * m + j] = sum;
    }
  }
  return out;
}

/** Share of rows of logits [n,C] whose largest entry is the label. */
export function accuracyOf(logits: ArrayLike<number>, labels: Int32Array, C: number): number {
  let right = 0;
  for (let i = 0; i < labels.length; i++) {
    let best = 0;
    for (let c = 1; c < C; c++) if (nth(logits, i * C + c) > nth(logits, i * C + best)) best = c;
    if (best === labels[i]) right++;
  }
  return right / labels.length;
}

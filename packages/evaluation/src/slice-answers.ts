// Items of several pictures, and one answer for each item: the mean of its pictures' probabilities, as `classify --volumes` gives it.

import type { Core } from "@biovlm/core";
import { nth } from "@biovlm/files";

/** Embeddings of the pictures of n items. */
export interface SliceSet {
  /** [m,D] L2-normalised, items in order, the pictures of each in order */
  readonly features: Float32Array;
  /** [n+1] pictures of item i are rows starts[i] to starts[i+1] − 1 */
  readonly starts: Int32Array;
  /** [n] in 0..C−1 */
  readonly labels: Int32Array;
}

/**
 * Logits [m,C] of pictures → logits [n,C] of items: the logarithm of the mean of the pictures' probabilities, so that softmax gives the mean
 * back. An item of one picture keeps its logits as they are.
 */
export function itemLogits(core: Pick<Core, "softmax">, logits: Float32Array, starts: Int32Array, C: number): Float32Array {
  const n = starts.length - 1;
  const probabilities = core.softmax(logits, logits.length / C, C);
  const out = new Float32Array(n * C);
  for (let i = 0; i < n; i++) {
    const [from, to] = [nth(starts, i), nth(starts, i + 1)];
    for (let c = 0; c < C; c++) {
      if (to - from === 1) {
        out[i * C + c] = nth(logits, from * C + c);
        continue;
      }
      let sum = 0;
      for (let row = from; row < to; row++) sum += nth(probabilities, row * C + c);
      // the least that a float32 softmax tells from nothing, so that no answer is without bound
      out[i * C + c] = Math.log(Math.max(sum / (to - from), 1e-37));
    }
  }
  return out;
}

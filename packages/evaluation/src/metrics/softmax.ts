// Softmax of one row in float64, in place: what the baselines' gradients share.

import { nth } from "@biovlm/files";

/** z [C] → probabilities, in the same array, which is given back. */
export function softmaxInPlace(z: Float64Array): Float64Array {
  let max = Number.NEGATIVE_INFINITY;
  for (let c = 0; c < z.length; c++) max = Math.max(max, nth(z, c));
  let sum = 0;
  for (let c = 0; c < z.length; c++) {
    const e = Math.exp(nth(z, c) - max);
    z[c] = e;
    sum += e;
  }
  for (let c = 0; c < z.length; c++) z[c] = nth(z, c) / sum;
  return z;
}

// Class scores of the image-side expert of a bank's mixture: a linear map of the image's embedding.

import { nth } from "@biovlm/files";

/** W f + b, summed in float64: W [C,D], b [C], features [B,D] → [B,C]. */
export function expertScores(W: Float32Array, b: Float32Array, features: Float32Array, B: number): Float32Array {
  const C = b.length;
  const D = W.length / C;
  const out = new Float32Array(B * C);
  for (let i = 0; i < B; i++) {
    const f = features.subarray(i * D, i * D + D);
    for (let c = 0; c < C; c++) {
      const row = W.subarray(c * D, c * D + D);
      let sum = nth(b, c);
      for (let d = 0; d < D; d++) sum += f[d]! * row[d]!;
      out[i * C + c] = sum;
    }
  }
  return out;
}

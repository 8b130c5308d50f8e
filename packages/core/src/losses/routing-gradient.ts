// Gradients through routing: the mean of the kept logits, the scaled score f·t and the L2 normalisation of text embeddings.
// Which prompts are kept is a choice, not a function with a gradient: it is taken as constant.

import { f64, i32 } from "../elements.js";
import { checkLength } from "../shape-checks.js";

/** Adds dMean [B,C] / K to the kept rows of dLogits [B,N,C]. */
export function selectionBackward(dMean: Float64Array, kept: Int32Array, dLogits: Float64Array, B: number, N: number, C: number): void {
  const K = kept.length / B;
  checkLength("selection kept", kept.length, [B, K]);
  for (let b = 0; b < B; b++) {
    for (let k = 0; k < K; k++) {
      const to = (b * N + i32(kept, b * K + k)) * C;
      for (let c = 0; c < C; c++) dLogits[to + c] = f64(dLogits, to + c) + f64(dMean, b * C + c) / K;
    }
  }
}

/** z = s·f·t: adds s · Σ_b dLogits[b,r] · f[b] to dT. f [B,D], dLogits [B,R], dT [R,D] with R = N·C. */
export function scoreBackward(
  f: Float32Array,
  dLogits: Float64Array,
  scale: number,
  dT: Float64Array,
  B: number,
  R: number,
  D: number,
): void {
  checkLength("score f", f.length, [B, D]);
  checkLength("score dLogits", dLogits.length, [B, R]);
  for (let r = 0; r < R; r++) {
    for (let b = 0; b < B; b++) {
      const d = scale * f64(dLogits, b * R + r);
      if (d === 0) continue;
      const from = b * D;
      const to = r * D;
      for (let i = 0; i < D; i++) dT[to + i]! += d * f[from + i]!;
    }
  }
}

/** y = x/‖x‖ by row: dX = (dY − y(y·dY))/‖x‖. x [rows,D] before normalisation, dY [rows,D] → [rows,D] float32. */
export function l2NormalizeBackward(x: Float32Array, dY: Float64Array, rows: number, D: number): Float32Array {
  checkLength("l2Normalize x", x.length, [rows, D]);
  const dX = new Float32Array(rows * D);
  for (let r = 0; r < rows; r++) {
    const at = r * D;
    let xx = 0;
    let xd = 0;
    for (let i = at; i < at + D; i++) {
      const value = x[i]!;
      xx += value * value;
      xd += value * dY[i]!;
    }
    const inverse = 1 / Math.sqrt(xx);
    for (let i = at; i < at + D; i++) dX[i] = inverse * (dY[i]! - (x[i]! * xd) / xx);
  }
  return dX;
}

// Cross-entropy of class logits against integer labels, mean over the batch: forward and backward.
// Plain loops with float64 accumulation: [B,C] is small and the result decides an outcome, so one order for every build.

import { f32, f64, float, i32 } from "../elements.js";
import { checkLabels, checkLength } from "../shape-checks.js";

/** Cross-entropy of a batch, with what its backward needs. */
export interface CrossEntropy {
  /** mean over B, nats */
  readonly loss: number;
  /** softmax(logits) [B,C], kept for the backward */
  readonly probabilities: Float64Array;
}

/** logits [B,C], labels [B] in 0..C−1 → mean −log softmax(logits)[label]. */
export function crossEntropyForward(logits: Float32Array, labels: Int32Array, B: number, C: number): CrossEntropy {
  checkLength("crossEntropy logits", logits.length, [B, C]);
  checkLabels(labels, B, C);
  const probabilities = softmaxRows(logits, B, C);
  let loss = 0;
  for (let b = 0; b < B; b++) loss -= logSoftmaxAt(logits, b * C, C, i32(labels, b));
  return { loss: loss / B, probabilities };
}

/** Adds weight · ∂loss/∂logits [B,C] = weight · (p − onehot) / B to dLogits. */
export function crossEntropyBackward(
  forward: CrossEntropy,
  labels: Int32Array,
  weight: number,
  dLogits: Float64Array,
  B: number,
  C: number,
): void {
  const scale = weight / B;
  for (let b = 0; b < B; b++) {
    for (let c = 0; c < C; c++)
      dLogits[b * C + c] = f64(dLogits, b * C + c) + scale * (f64(forward.probabilities, b * C + c) - (c === labels[b] ? 1 : 0));
  }
}

/** Row softmax in float64: x [rows,C] → [rows,C]. */
function softmaxRows(x: Float32Array | Float64Array, rows: number, C: number): Float64Array {
  const out = new Float64Array(rows * C);
  for (let r = 0; r < rows; r++) {
    const at = r * C;
    const lse = logSumExp(x, at, C);
    for (let c = 0; c < C; c++) out[at + c] = Math.exp(float(x, at + c) - lse);
  }
  return out;
}

/** log Σ exp of C entries from `at`, shifted by the maximum. */
export function logSumExp(x: Float32Array | Float64Array, at: number, C: number): number {
  let max = -Infinity;
  for (let c = 0; c < C; c++) if (float(x, at + c) > max) max = float(x, at + c);
  let sum = 0;
  for (let c = 0; c < C; c++) sum += Math.exp(float(x, at + c) - max);
  return max + Math.log(sum);
}

function logSoftmaxAt(x: Float32Array, at: number, C: number, c: number): number {
  return f32(x, at + c) - logSumExp(x, at, C);
}

// Entropy of the mean distribution of the kept prompts ("ent" in method.md), by log-sum-exp: forward and backward.

import { f32, f64, i32 } from "../elements.js";
import { checkLength } from "../shape-checks.js";
import { logSumExp } from "./cross-entropy.js";

/** Entropy of each image's mean prediction over its kept rows, in nats, with what its backward needs. */
export interface MarginalEntropy {
  /** mean over B, nats */
  readonly loss: number;
  /** [B] */
  readonly perImage: Float64Array;
  /** log-softmax of the kept rows [B,K,C] */
  readonly keptLogProbabilities: Float64Array;
  /** log of the mean distribution [B,C] */
  readonly logMean: Float64Array;
}

/** logits z [B,N,C], kept [B,K] prompt indices → H(mean_k softmax(z[k])), mean over B. */
export function marginalEntropyForward(logits: Float32Array, kept: Int32Array, B: number, N: number, C: number): MarginalEntropy {
  checkLength("marginalEntropy logits", logits.length, [B, N, C]);
  const K = kept.length / B;
  checkLength("marginalEntropy kept", kept.length, [B, K]);
  const keptLogProbabilities = new Float64Array(B * K * C);
  const logMean = new Float64Array(B * C);
  const perImage = new Float64Array(B);
  const column = new Float64Array(K);
  let loss = 0;
  for (let b = 0; b < B; b++) {
    for (let k = 0; k < K; k++) {
      const from = (b * N + i32(kept, b * K + k)) * C;
      const lse = logSumExp(logits, from, C);
      for (let c = 0; c < C; c++) keptLogProbabilities[(b * K + k) * C + c] = f32(logits, from + c) - lse;
    }
    let entropy = 0;
    for (let c = 0; c < C; c++) {
      for (let k = 0; k < K; k++) column[k] = f64(keptLogProbabilities, (b * K + k) * C + c);
      const a = logSumExp(column, 0, K) - Math.log(K);
      logMean[b * C + c] = a;
      if (a !== -Infinity) entropy -= a * Math.exp(a);
    }
    perImage[b] = entropy;
    loss += entropy;
  }
  return { loss: loss / B, perImage, keptLogProbabilities, logMean };
}

/** Adds weight · ∂loss/∂z to dLogits [B,N,C]: ∂H/∂a = −(a+1)eᵃ, ∂a/∂ℓ_k = p_k / Σp, ∂ℓ/∂z = δ − p. */
export function marginalEntropyBackward(
  forward: MarginalEntropy,
  kept: Int32Array,
  weight: number,
  dLogits: Float64Array,
  B: number,
  N: number,
  C: number,
): void {
  const K = kept.length / B;
  const dLog = new Float64Array(C);
  for (let b = 0; b < B; b++) {
    for (let k = 0; k < K; k++) {
      const from = (b * K + k) * C;
      const to = (b * N + i32(kept, b * K + k)) * C;
      let sum = 0;
      for (let c = 0; c < C; c++) {
        const a = f64(forward.logMean, b * C + c);
        // ∂H/∂ℓ_kc = −(a+1)·eᵃ · p_kc / (K·eᵃ)
        dLog[c] = a === -Infinity ? 0 : (-(a + 1) * Math.exp(f64(forward.keptLogProbabilities, from + c))) / K;
        sum += f64(dLog, c);
      }
      for (let c = 0; c < C; c++) {
        dLogits[to + c] =
          f64(dLogits, to + c) + (weight / B) * (f64(dLog, c) - Math.exp(f64(forward.keptLogProbabilities, from + c)) * sum);
      }
    }
  }
}

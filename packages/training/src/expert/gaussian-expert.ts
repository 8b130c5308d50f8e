// The image-side expert in closed form: one Gaussian a class with a shared, shrunk covariance, from the shots' plain embeddings alone.
// Source: the training-free Gaussian classifier of CLIP features (Wang et al., "A Hard-to-Beat Baseline for Training-free CLIP-based
// Adaptation", ICLR 2024): μ_c class means, Σ = XᵀX/(N − 1) of the centred shots, P = D·√κ·((N − 1)Σ + κ·tr(Σ)·I)⁻¹, W = μP, b_c = −½ W_c·μ_c.
// As published κ is 1; a smaller one shrinks the covariance less, and √κ keeps the scores' size alike (docs/recipe.md, "mixture").

import { expertScores } from "@biovlm/model/prompts";
import { TrainingError } from "../errors.js";
import { choleskyFactor, choleskySolve } from "./cholesky.js";

/** g(f) = W·f + b: class scores of a normalised embedding f [D]. */
export interface GaussianExpert {
  /** [C,D] */
  readonly W: Float32Array;
  /** [C] */
  readonly b: Float32Array;
  readonly C: number;
  readonly D: number;
}

export interface ExpertInput {
  /** [n,D] L2-normalised */
  readonly features: Float32Array;
  /** [n] in 0..C−1; every class at least once */
  readonly labels: Int32Array;
  readonly C: number;
  readonly D: number;
  /** κ > 0: how much of tr(Σ) is added to each axis; 1, as published, when absent */
  readonly shrinkage?: number | undefined;
}

/**
 * Fits the expert. Where all shots of every class are alike (one shot a class) there is no covariance: W and b are zeros, the expert says nothing.
 * @throws TrainingError `bad_shape`, `empty_split` (a class without a shot), `not_finite`
 */
export function fitGaussianExpert({ features, labels, C, D, shrinkage = 1 }: ExpertInput): GaussianExpert {
  const n = labels.length;
  if (features.length !== n * D || n < 1)
    throw new TrainingError("bad_shape", `expert — expected features [${n}, ${D}], got ${features.length} numbers. Check the shots.`);
  const means = classMeans(features, labels, C, D);
  const a = new Float64Array(D * D);
  const centred = new Float64Array(D);
  for (const [i, y] of labels.entries()) {
    const mean = means.subarray(y * D, y * D + D);
    for (const [d, m] of mean.entries()) centred[d] = (features[i * D + d] ?? Number.NaN) - m;
    addOuter(a, centred, D);
  }
  let trace = 0;
  for (let d = 0; d < D; d++) trace += a[d * D + d] ?? Number.NaN;
  const spread = n > 1 ? trace / (n - 1) : 0;
  const W = new Float32Array(C * D);
  const b = new Float32Array(C);
  // Rounding leaves a trace of about 1e-30 where shots are equal: below that nothing is known of the covariance.
  if (spread <= 1e-12) return { W, b, C, D };
  for (let d = 0; d < D; d++) a[d * D + d] = (a[d * D + d] ?? Number.NaN) + shrinkage * spread;
  const factor = choleskyFactor(a, D);
  const size = D * Math.sqrt(shrinkage);
  for (let c = 0; c < C; c++) {
    const mean = means.subarray(c * D, c * D + D);
    const row = choleskySolve(factor, mean, D);
    let bias = 0;
    for (const [d, m] of mean.entries()) {
      const w = size * (row[d] ?? Number.NaN);
      W[c * D + d] = w;
      bias += w * m;
    }
    b[c] = -0.5 * bias;
  }
  return { W, b, C, D };
}

/** g(f) of rows: features [n,D] → [n,C], summed in float64. */
export function expertLogits({ W, b }: GaussianExpert, features: Float32Array, n: number): Float32Array {
  return expertScores(W, b, features, n);
}

/** μ [C,D] in float64. */
function classMeans(features: Float32Array, labels: Int32Array, C: number, D: number): Float64Array {
  const means = new Float64Array(C * D);
  const counts = new Float64Array(C);
  for (const [i, y] of labels.entries()) {
    if (!(y >= 0 && y < C))
      throw new TrainingError("bad_shape", `expert — expected labels from 0 to ${C - 1}, got ${y}. Check the labels.`);
    counts[y] = (counts[y] ?? 0) + 1;
    const mean = means.subarray(y * D, y * D + D);
    for (const [d, m] of mean.entries()) mean[d] = m + (features[i * D + d] ?? Number.NaN);
  }
  for (const [c, count] of counts.entries()) {
    if (count === 0) throw new TrainingError("empty_split", `expert — expected a shot of every class, got none of class ${c}. Draw again.`);
    const mean = means.subarray(c * D, c * D + D);
    for (const [d, m] of mean.entries()) mean[d] = m / count;
  }
  return means;
}

/** a += x·xᵀ, lower triangle. */
function addOuter(a: Float64Array, x: Float64Array, D: number): void {
  for (let i = 0; i < D; i++) {
    const xi = x[i]!;
    const row = a.subarray(i * D, i * D + i + 1);
    for (let j = 0; j <= i; j++) row[j]! += xi * x[j]!;
  }
}

// LP++ (Huang et al., CVPR 2024, "LP++: A Surprisingly Strong Linear Probe for Few-Shot CLIP"): logits = f·w_c + b_c + α_c·f·t_c, α_c learned beside
// w in blocks, step sizes from the data's own Lipschitz constants, so that only the number of steps is left to validation.

import { f32, f64 } from "@biovlm/core";
import { nth } from "@biovlm/files";
import { accuracyOf, type FeatureSet, type FittedClassifier, similarities } from "../feature-set.js";
import { softmaxInPlace } from "../metrics/softmax.js";
import type { TextAnchored } from "./gaussian-beside-text.js";

/** The authors' settings. α takes a step after so many of w's. */
const STEPS = 300;
const ALPHA_EVERY = 10;
const MOMENTUM = 0.9;
const INITIAL_ALPHA = 250;
/** Power iteration for the largest eigenvalue of FᵀF: its error is far below what a step size feels. */
const POWER_ROUNDS = 100;

/** text [C,D] normalised. The step that is best on validation is kept, the later one at a tie; the last where there is no validation. */
export function lpPlusPlus(
  train: FeatureSet,
  validation: FeatureSet,
  text: Float32Array,
  { C, D }: Omit<TextAnchored, "scale">,
): FittedClassifier & { readonly steps: number } {
  const { features, labels, n } = train;
  const onText = similarities(features, text, n, C, D);
  const state = { w: classSums(train, C, D), b: new Float64Array(C), alpha: new Float64Array(C).fill(firstAlpha(onText, labels, C)) };
  const [rateW, rateAlpha] = [(4 * n) / largestEigenvalue(features, n, D), n / (4 * largestColumn(onText, n, C))];
  const speed = { w: new Float64Array(C * D), b: new Float64Array(C) };
  let best: { readonly accuracy: number; readonly steps: number; readonly kept: Weights } = { accuracy: -1, steps: 0, kept: state };
  for (let step = 1; step <= STEPS; step++) {
    const gradient = gradients(train, onText, state, C, D);
    for (const name of ["w", "b"] as const) {
      const [value, velocity, slope] = [state[name], speed[name], gradient[name]];
      for (let i = 0; i < value.length; i++) {
        velocity[i] = MOMENTUM * f64(velocity, i) + f64(slope, i);
        value[i] = f64(value, i) - rateW * f64(velocity, i);
      }
    }
    if (step % ALPHA_EVERY === 0) for (let c = 0; c < C; c++) state.alpha[c] = nth(state.alpha, c) - rateAlpha * nth(gradient.alpha, c);
    if (validation.n === 0) continue;
    const accuracy = accuracyOf(scores(validation.features, validation.n, state, text, C, D), validation.labels, C);
    if (accuracy >= best.accuracy) best = { accuracy, steps: step, kept: copied(state) };
  }
  const chosen = validation.n === 0 ? { steps: STEPS, kept: state } : best;
  return { steps: chosen.steps, logits: (rows, count) => Float32Array.from(scores(rows, count, chosen.kept, text, C, D)) };
}

interface Weights {
  /** [C,D] */
  readonly w: Float64Array;
  /** [C] */
  readonly b: Float64Array;
  /** [C] */
  readonly alpha: Float64Array;
}

function copied({ w, b, alpha }: Weights): Weights {
  return { w: w.slice(), b: b.slice(), alpha: alpha.slice() };
}

function scores(features: Float32Array, n: number, { w, b, alpha }: Weights, text: Float32Array, C: number, D: number): Float64Array {
  const out = similarities(features, text, n, C, D);
  for (let i = 0; i < n; i++) {
    for (let c = 0; c < C; c++) {
      let sum = nth(b, c) + nth(alpha, c) * f64(out, i * C + c);
      for (let d = 0; d < D; d++) sum += f32(features, i * D + d) * f64(w, c * D + d);
      out[i * C + c] = sum;
    }
  }
  return out;
}

/** Of the mean cross-entropy. */
function gradients({ features, labels, n }: FeatureSet, onText: Float64Array, { w, b, alpha }: Weights, C: number, D: number): Weights {
  const out = { w: new Float64Array(C * D), b: new Float64Array(C), alpha: new Float64Array(C) };
  const z = new Float64Array(C);
  for (let i = 0; i < n; i++) {
    for (let c = 0; c < C; c++) {
      let sum = nth(b, c) + nth(alpha, c) * f64(onText, i * C + c);
      for (let d = 0; d < D; d++) sum += f32(features, i * D + d) * f64(w, c * D + d);
      z[c] = sum;
    }
    softmaxInPlace(z);
    for (let c = 0; c < C; c++) {
      const dz = (nth(z, c) - (labels[i] === c ? 1 : 0)) / n;
      out.b[c] = nth(out.b, c) + dz;
      out.alpha[c] = nth(out.alpha, c) + dz * f64(onText, i * C + c);
      for (let d = 0; d < D; d++) out.w[c * D + d] = f64(out.w, c * D + d) + dz * f32(features, i * D + d);
    }
  }
  return out;
}

/** The first w: each class's shots summed. */
function classSums({ features, labels, n }: FeatureSet, C: number, D: number): Float64Array {
  const sums = new Float64Array(C * D);
  for (let i = 0; i < n; i++)
    for (let d = 0; d < D; d++) sums[nth(labels, i) * D + d] = f64(sums, nth(labels, i) * D + d) + f32(features, i * D + d);
  return sums;
}

/** 250 × the mean over classes of the mean similarity of a class's shots with its text. */
function firstAlpha(onText: Float64Array, labels: Int32Array, C: number): number {
  const [sums, counts] = [new Float64Array(C), new Float64Array(C)];
  for (const [i, y] of labels.entries()) {
    sums[y] = nth(sums, y) + nth(onText, i * C + y);
    counts[y] = nth(counts, y) + 1;
  }
  return (INITIAL_ALPHA * sums.reduce((total, sum, c) => total + sum / Math.max(1, nth(counts, c)), 0)) / C;
}

/** Largest of Σ_i (f_i·t_c)² over the classes. */
function largestColumn(onText: Float64Array, n: number, C: number): number {
  const squares = new Float64Array(C);
  for (let i = 0; i < n; i++) for (let c = 0; c < C; c++) squares[c] = nth(squares, c) + nth(onText, i * C + c) ** 2;
  return Math.max(Number.MIN_VALUE, ...squares);
}

/** Of FᵀF, by power iteration from the sum of the rows. */
function largestEigenvalue(features: Float32Array, n: number, D: number): number {
  let v = new Float64Array(D);
  for (let i = 0; i < n; i++) for (let d = 0; d < D; d++) v[d] = f64(v, d) + f32(features, i * D + d);
  let value = n;
  for (let round = 0; round < POWER_ROUNDS; round++) {
    const length = Math.sqrt(v.reduce((sum, x) => sum + x * x, 0));
    if (!(length > 0)) return value;
    const next = new Float64Array(D);
    for (let i = 0; i < n; i++) {
      let sum = 0;
      for (let d = 0; d < D; d++) sum += f32(features, i * D + d) * (f64(v, d) / length);
      for (let d = 0; d < D; d++) next[d] = f64(next, d) + sum * f32(features, i * D + d);
    }
    value = Math.sqrt(next.reduce((sum, x) => sum + x * x, 0));
    v = next;
  }
  return value;
}

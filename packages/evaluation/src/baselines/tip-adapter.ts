// Tip-Adapter and Tip-Adapter-F (Zhang et al., ECCV 2022): a key-value cache of the shots beside the zero-shot classifier.
// logits = s·f·tᵀ + α·exp(−β(1 − f·keysᵀ))·onehot; α and β are searched on validation; -F also trains the keys.

import { adamWStep, f32, f64, i32 } from "@biovlm/core";
import { randomStream } from "@biovlm/training/loop";
import { accuracyOf, type FeatureSet, type FittedClassifier, similarities } from "../feature-set.js";

export interface TipAdapterOptions {
  readonly C: number;
  readonly D: number;
  /** exp(logit scale) */
  readonly scale: number;
  /** -F only */
  readonly epochs?: number;
  readonly learningRate?: number;
  readonly batch?: number;
  readonly seed?: number;
}

export interface TipAdapter extends FittedClassifier {
  readonly alpha: number;
  readonly beta: number;
}

const INITIAL = { alpha: 1.17, beta: 1 };

/** keys are the shots themselves. text [C,D] normalised zero-shot classifier. */
export function tipAdapter(train: FeatureSet, validation: FeatureSet, text: Float32Array, options: TipAdapterOptions): TipAdapter {
  return searched(train.features, train, validation, text, options);
}

/** Trains the keys by AdamW (lr 1e-3, ε 1e-4, 20 epochs, cosine rate per step, batch 256), then searches α and β. */
export function tipAdapterF(train: FeatureSet, validation: FeatureSet, text: Float32Array, options: TipAdapterOptions): TipAdapter {
  const { C, D, scale } = options;
  const epochs = options.epochs ?? 20;
  const batch = Math.min(options.batch ?? 256, train.n);
  const base = options.learningRate ?? 1e-3;
  const keys = Float32Array.from(train.features);
  const m = new Float32Array(keys.length);
  const v = new Float32Array(keys.length);
  const order = Array.from({ length: train.n }, (_, i) => i);
  const total = epochs * Math.ceil(train.n / batch);
  let step = 0;
  for (let epoch = 0; epoch < epochs; epoch++) {
    randomStream(options.seed ?? 1, "tip-adapter", epoch).shuffle(order);
    for (let from = 0; from < train.n; from += batch) {
      const rows = order.slice(from, from + batch);
      const gradient = keyGradient(rows, train, keys, text, C, D, scale);
      const rate = 0.5 * base * (1 + Math.round(Math.cos((Math.PI * step) / total) * 2 ** 40) / 2 ** 40);
      adamWStep(keys, gradient, m, v, ++step, rate, { beta1: 0.9, beta2: 0.999, epsilon: 1e-4, weightDecay: 0.01 });
    }
  }
  return searched(keys, train, validation, text, options);
}

/** ∂ mean cross-entropy / ∂keys [n,D] at the initial α and β. */
function keyGradient(
  rows: readonly number[],
  train: FeatureSet,
  keys: Float32Array,
  text: Float32Array,
  C: number,
  D: number,
  scale: number,
): Float32Array {
  const { alpha, beta } = INITIAL;
  const gradient = new Float64Array(keys.length);
  for (const i of rows) {
    const f = train.features.subarray(i * D, i * D + D);
    const affinity = similarities(f, keys, 1, train.n, D);
    const z = similarities(f, text, 1, C, D).map((x) => x * scale);
    for (let k = 0; k < train.n; k++)
      z[i32(train.labels, k)] = f64(z, i32(train.labels, k)) + alpha * Math.exp(-beta * (1 - f64(affinity, k)));
    const max = Math.max(...z);
    const sum = z.reduce((a, x) => a + Math.exp(x - max), 0);
    const dz = z.map((x, c) => (Math.exp(x - max) / sum - (c === train.labels[i] ? 1 : 0)) / rows.length);
    for (let k = 0; k < train.n; k++) {
      const d = f64(dz, i32(train.labels, k)) * alpha * beta * Math.exp(-beta * (1 - f64(affinity, k)));
      for (let j = 0; j < D; j++) gradient[k * D + j] = f64(gradient, k * D + j) + d * f32(f, j);
    }
  }
  return Float32Array.from(gradient);
}

/** α in (0, 3], β in (0, 7] by grid on validation, as the authors' search; the initial values where there is no validation. */
function searched(
  keys: Float32Array,
  train: FeatureSet,
  validation: FeatureSet,
  text: Float32Array,
  options: TipAdapterOptions,
): TipAdapter {
  const { C, D, scale } = options;
  let best: { alpha: number; beta: number } = INITIAL;
  if (validation.n > 0) {
    const zero = similarities(validation.features, text, validation.n, C, D);
    const affinity = similarities(validation.features, keys, validation.n, train.n, D);
    let bestAccuracy = -1;
    for (let i = 0; i < 50; i++) {
      const beta = 0.1 + (i * 6.9) / 50;
      const votes = cacheVotes(affinity, train.labels, beta, validation.n, C);
      for (let j = 0; j < 20; j++) {
        const alpha = 0.1 + (j * 2.9) / 20;
        const accuracy = accuracyOf(
          votes.map((x, at) => scale * f64(zero, at) + alpha * x),
          validation.labels,
          C,
        );
        if (accuracy > bestAccuracy) {
          bestAccuracy = accuracy;
          best = { alpha, beta };
        }
      }
    }
  }
  const { alpha, beta } = best;
  return {
    alpha,
    beta,
    logits(features, n) {
      const zero = similarities(features, text, n, C, D);
      const votes = cacheVotes(similarities(features, keys, n, train.n, D), train.labels, beta, n, C);
      return Float32Array.from(votes, (x, at) => scale * f64(zero, at) + alpha * x);
    },
  };
}

/** Σ_k exp(−β(1 − affinity[i,k])) over the keys of each class → [n,C]. */
function cacheVotes(affinity: Float64Array, keyLabels: Int32Array, beta: number, n: number, C: number): Float64Array {
  const K = keyLabels.length;
  const out = new Float64Array(n * C);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < K; k++)
      out[i * C + i32(keyLabels, k)] = f64(out, i * C + i32(keyLabels, k)) + Math.exp(-beta * (1 - f64(affinity, i * K + k)));
  }
  return out;
}

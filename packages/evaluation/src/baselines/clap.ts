// CLAP (Silva-Rodríguez et al., CVPR 2024, "A Closer Look at the Few-Shot Adaptation of Large Vision-Language Models"): a linear probe that starts
// at the text and is held there, class by class as well as the text served on the shots. No validation is asked for.
// logits = s·f·w_c/‖w_c‖; loss = CE + mean_c λ_c‖w_c − t_c‖², λ_c the mean zero-shot probability of class c on its own shots.

import { f32, f64 } from "@biovlm/core";
import { nth } from "@biovlm/files";
import { randomStream } from "@biovlm/training/loop";
import { type FeatureSet, type FittedClassifier, similarities } from "../feature-set.js";
import { softmaxInPlace } from "../metrics/softmax.js";
import type { TextAnchored } from "./gaussian-beside-text.js";

/** The authors' settings: SGD with momentum, one epoch of warm-up at 1e-5, then a cosine. */
const EPOCHS = 300;
const RATE = 0.1;
const WARM_UP_RATE = 1e-5;
const MOMENTUM = 0.9;
const BATCH = 256;

/** text [C,D] normalised. Deterministic: the seed only orders shots where there are more than a batch. */
export function clap(
  train: FeatureSet,
  text: Float32Array,
  { C, D, scale, seed = 1 }: TextAnchored & { readonly seed?: number },
): FittedClassifier {
  const lambda = multipliers(train, text, { C, D, scale });
  const w = Float64Array.from(text);
  const velocity = new Float64Array(w.length);
  const order = Array.from({ length: train.n }, (_, i) => i);
  for (let epoch = 0; epoch < EPOCHS; epoch++) {
    if (train.n > BATCH) randomStream(seed, "clap", epoch).shuffle(order);
    // rounded, so that engines whose cosine differs in the last bit agree
    const rate = epoch === 0 ? WARM_UP_RATE : 0.5 * RATE * (1 + Math.round(Math.cos((Math.PI * epoch) / EPOCHS) * 2 ** 40) / 2 ** 40);
    for (let from = 0; from < train.n; from += BATCH) {
      const gradient = crossEntropyGradient(train, order.slice(from, from + BATCH), w, { C, D, scale });
      for (let i = 0; i < w.length; i++) {
        const pull = (2 * nth(lambda, Math.floor(i / D)) * (nth(w, i) - nth(text, i))) / C;
        velocity[i] = MOMENTUM * nth(velocity, i) + nth(gradient, i) + pull;
        w[i] = nth(w, i) - rate * nth(velocity, i);
      }
    }
  }
  const unit = unitRows(w, C, D);
  return { logits: (features, n) => Float32Array.from(similarities(features, Float32Array.from(unit.rows), n, C, D), (z) => scale * z) };
}

/** λ [C] */
function multipliers({ features, labels, n }: FeatureSet, text: Float32Array, { C, D, scale }: TextAnchored): Float64Array {
  const z = similarities(features, text, n, C, D).map((x) => scale * x);
  const [sums, counts] = [new Float64Array(C), new Float64Array(C)];
  for (let i = 0; i < n; i++) {
    const y = nth(labels, i);
    sums[y] = nth(sums, y) + nth(softmaxInPlace(z.subarray(i * C, i * C + C)), y);
    counts[y] = nth(counts, y) + 1;
  }
  return sums.map((sum, c) => sum / Math.max(1, nth(counts, c)));
}

/** ∂ mean cross-entropy / ∂w [C,D], through the division by ‖w_c‖. */
function crossEntropyGradient(
  { features, labels }: FeatureSet,
  rows: readonly number[],
  w: Float64Array,
  { C, D, scale }: TextAnchored,
): Float64Array {
  const { rows: unit, lengths } = unitRows(w, C, D);
  const onUnit = new Float64Array(C * D);
  const z = new Float64Array(C);
  for (const i of rows) {
    for (let c = 0; c < C; c++) {
      let sum = 0;
      for (let d = 0; d < D; d++) sum += f32(features, i * D + d) * f64(unit, c * D + d);
      z[c] = scale * sum;
    }
    softmaxInPlace(z);
    for (let c = 0; c < C; c++) {
      const dz = (scale * (nth(z, c) - (labels[i] === c ? 1 : 0))) / rows.length;
      for (let d = 0; d < D; d++) onUnit[c * D + d] = f64(onUnit, c * D + d) + dz * f32(features, i * D + d);
    }
  }
  for (let c = 0; c < C; c++) {
    let along = 0;
    for (let d = 0; d < D; d++) along += f64(onUnit, c * D + d) * f64(unit, c * D + d);
    for (let d = 0; d < D; d++) onUnit[c * D + d] = (f64(onUnit, c * D + d) - along * f64(unit, c * D + d)) / nth(lengths, c);
  }
  return onUnit;
}

function unitRows(w: Float64Array, C: number, D: number): { readonly rows: Float64Array; readonly lengths: Float64Array } {
  const rows = Float64Array.from(w);
  const lengths = new Float64Array(C);
  for (let c = 0; c < C; c++) {
    let square = 0;
    for (let d = 0; d < D; d++) square += f64(w, c * D + d) ** 2;
    lengths[c] = Math.sqrt(square);
    for (let d = 0; d < D; d++) rows[c * D + d] = f64(w, c * D + d) / nth(lengths, c);
  }
  return { rows, lengths };
}

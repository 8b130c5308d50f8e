// How far probabilities can be believed: expected calibration error, Brier score, and the one temperature that mends them on validation data.

import { nth } from "@biovlm/files";

export interface ReliabilityBin {
  readonly from: number;
  readonly to: number;
  readonly count: number;
  /** mean of the top probability, and the share that was right */
  readonly confidence: number;
  readonly accuracy: number;
}

/** Equal-width bins (from, to] of the top probability. probabilities [B,C], labels [B]. */
export function reliabilityBins(probabilities: Float32Array, labels: Int32Array, C: number, bins = 15): ReliabilityBin[] {
  const count = new Float64Array(bins);
  const confidence = new Float64Array(bins);
  const correct = new Float64Array(bins);
  for (let b = 0; b < labels.length; b++) {
    let top = 0;
    for (let c = 1; c < C; c++) if (nth(probabilities, b * C + c) > nth(probabilities, b * C + top)) top = c;
    const p = nth(probabilities, b * C + top);
    const bin = Math.min(bins - 1, Math.max(0, Math.ceil(p * bins) - 1));
    count[bin] = nth(count, bin) + 1;
    confidence[bin] = nth(confidence, bin) + p;
    if (top === labels[b]) correct[bin] = nth(correct, bin) + 1;
  }
  return Array.from(count, (n, i) => ({
    from: i / bins,
    to: (i + 1) / bins,
    count: n,
    confidence: n === 0 ? 0 : nth(confidence, i) / n,
    accuracy: n === 0 ? 0 : nth(correct, i) / n,
  }));
}

/** Σ_bins (count/B)·|accuracy − confidence|. */
export function expectedCalibrationError(bins: readonly ReliabilityBin[]): number {
  const total = bins.reduce((a, b) => a + b.count, 0);
  return bins.reduce((a, b) => a + (b.count / total) * Math.abs(b.accuracy - b.confidence), 0);
}

/** Multi-class Brier score: mean over images of Σ_c (p_c − 1[c = y])², between 0 and 2. */
export function brierScore(probabilities: Float32Array, labels: Int32Array, C: number): number {
  let sum = 0;
  for (let b = 0; b < labels.length; b++) {
    for (let c = 0; c < C; c++) sum += (nth(probabilities, b * C + c) - (labels[b] === c ? 1 : 0)) ** 2;
  }
  return sum / labels.length;
}

/** Rows of softmax(logits / temperature) [B,C]. */
export function scaledProbabilities(logits: Float32Array, C: number, temperature: number): Float32Array {
  const out = new Float32Array(logits.length);
  for (let at = 0; at < logits.length; at += C) {
    let max = -Infinity;
    for (let c = 0; c < C; c++) max = Math.max(max, nth(logits, at + c) / temperature);
    let sum = 0;
    for (let c = 0; c < C; c++) sum += Math.exp(nth(logits, at + c) / temperature - max);
    for (let c = 0; c < C; c++) out[at + c] = Math.exp(nth(logits, at + c) / temperature - max) / sum;
  }
  return out;
}

/** Mean −log softmax(logits / temperature)[label]. */
export function negativeLogLikelihood(logits: Float32Array, labels: Int32Array, C: number, temperature: number): number {
  let sum = 0;
  for (let b = 0; b < labels.length; b++) {
    let max = -Infinity;
    for (let c = 0; c < C; c++) max = Math.max(max, nth(logits, b * C + c) / temperature);
    let z = 0;
    for (let c = 0; c < C; c++) z += Math.exp(nth(logits, b * C + c) / temperature - max);
    sum += max + Math.log(z) - nth(logits, b * C + nth(labels, b)) / temperature;
  }
  return sum / labels.length;
}

/** The temperature in [0.05, 100] of least validation NLL, by golden section on its logarithm (NLL is convex in 1/T; to 1e-6). */
export function fitTemperature(logits: Float32Array, labels: Int32Array, C: number): number {
  const ratio = (Math.sqrt(5) - 1) / 2;
  const at = (u: number) => negativeLogLikelihood(logits, labels, C, Math.exp(u));
  let low = Math.log(0.05);
  let high = Math.log(100);
  let a = high - ratio * (high - low);
  let b = low + ratio * (high - low);
  let fa = at(a);
  let fb = at(b);
  while (high - low > 1e-6) {
    if (fa <= fb) {
      [high, b, fb] = [b, a, fa];
      a = high - ratio * (high - low);
      fa = at(a);
    } else {
      [low, a, fa] = [a, b, fb];
      b = low + ratio * (high - low);
      fb = at(b);
    }
  }
  return Math.exp((low + high) / 2);
}

// How sure a figure is: bootstrap intervals of accuracy, and paired tests of two methods on the same images.

import { nth } from "@biovlm/files";
import { randomStream } from "@biovlm/training/loop";

/** A 95 % interval, both ends included. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** 95 % percentile bootstrap of the mean of per-image values (e.g. 0/1 correct). Seeded. */
export function bootstrapInterval(values: ArrayLike<number>, seed: number, resamples = 2000): Interval {
  const random = randomStream(seed, "bootstrap");
  const n = values.length;
  const means = new Float64Array(resamples);
  for (let r = 0; r < resamples; r++) {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += nth(values, Math.floor(random.uniform() * n));
    means[r] = sum / n;
  }
  means.sort();
  return { low: quantile(means, 0.025), high: quantile(means, 0.975) };
}

/** Exact two-sided McNemar test: p-value that two methods differ, from the images only one of them got right. */
export function mcNemar(correctA: ArrayLike<number>, correctB: ArrayLike<number>): { onlyA: number; onlyB: number; p: number } {
  let onlyA = 0;
  let onlyB = 0;
  for (let i = 0; i < correctA.length; i++) {
    if (correctA[i] && !correctB[i]) onlyA++;
    if (!correctA[i] && correctB[i]) onlyB++;
  }
  const n = onlyA + onlyB;
  if (n === 0) return { onlyA, onlyB, p: 1 };
  const k = Math.min(onlyA, onlyB);
  // Σ_{i≤k} C(n,i)/2ⁿ, in logarithms so that thousands of images do not overflow.
  let logTerm = -n * Math.LN2;
  let tail = Math.exp(logTerm);
  for (let i = 1; i <= k; i++) {
    logTerm += Math.log((n - i + 1) / i);
    tail += Math.exp(logTerm);
  }
  return { onlyA, onlyB, p: Math.min(1, 2 * tail) };
}

/** Mean and sample standard deviation (n − 1; 0 for one value). */
export function meanStd(values: readonly number[]): { mean: number; std: number } {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  if (values.length < 2) return { mean, std: 0 };
  return { mean, std: Math.sqrt(values.reduce((a, v) => a + (v - mean) ** 2, 0) / (values.length - 1)) };
}

/** Linear-interpolated quantile of sorted values, numpy's default. */
function quantile(sorted: Float64Array, q: number): number {
  const at = q * (sorted.length - 1);
  const low = Math.floor(at);
  const high = Math.min(low + 1, sorted.length - 1);
  return nth(sorted, low) + (at - low) * (nth(sorted, high) - nth(sorted, low));
}

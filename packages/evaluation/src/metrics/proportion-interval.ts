// Intervals of a share: Wilson's for independent images, which never has zero width, and a bootstrap by group where images of one lesion or
// patient come together.

import { randomStream } from "@biovlm/training/loop";
import type { Interval } from "./intervals.js";

/** Two-sided 95 %. */
const Z = 1.959963984540054;

/** Wilson's score interval of `right` out of `n`. @throws nothing; n = 0 gives [0, 1] */
export function wilsonInterval(right: number, n: number): Interval {
  if (n === 0) return { low: 0, high: 1 };
  const share = right / n;
  const z2 = Z * Z;
  const centre = (share + z2 / (2 * n)) / (1 + z2 / n);
  const half = (Z * Math.sqrt((share * (1 - share) + z2 / (4 * n)) / n)) / (1 + z2 / n);
  return { low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}

/**
 * 95 % percentile bootstrap of the mean of `values` [n], whole groups drawn with replacement. Seeded. Where all groups have one mean no draw
 * differs, and Wilson's interval over the groups takes its place, so that nothing is ever certain.
 */
export function clusterInterval(values: ArrayLike<number>, groups: readonly (string | number)[], seed: number, resamples = 2000): Interval {
  const sums = new Map<string | number, { sum: number; count: number }>();
  for (const [i, group] of groups.entries()) {
    const of = sums.get(group) ?? { sum: 0, count: 0 };
    sums.set(group, { sum: of.sum + (values[i] ?? Number.NaN), count: of.count + 1 });
  }
  const clusters = [...sums.values()];
  const ofGroups = new Set(clusters.map(({ sum, count }) => sum / count));
  if (ofGroups.size < 2) return wilsonInterval([...ofGroups].reduce((sum, mean) => sum + mean, 0) * clusters.length, clusters.length);
  const random = randomStream(seed, "cluster bootstrap");
  const means = Float64Array.from({ length: resamples }, () => {
    let sum = 0;
    let count = 0;
    for (let k = 0; k < clusters.length; k++) {
      const drawn = clusters[random.below(clusters.length)];
      sum += drawn?.sum ?? 0;
      count += drawn?.count ?? 0;
    }
    return sum / count;
  }).sort();
  const at = (q: number) => means[Math.min(means.length - 1, Math.max(0, Math.round(q * (means.length - 1))))] ?? 0;
  return { low: at(0.025), high: at(0.975) };
}

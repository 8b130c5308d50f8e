// Two methods on the same images: is one better? Correctness is averaged over seeds for each image first, so that an image counts once however
// often it was asked; groups of images (a lesion, a patient) are flipped together. The opponent is named before looking, and over several sets
// the p-values are corrected by Holm's rule.

import { randomStream } from "@biovlm/training/loop";

export interface PairedDifference {
  /** mean over images of (A right − B right), −1 to 1 */
  readonly difference: number;
  /** two-sided p of the sign-flip test; 1 where the methods never differ */
  readonly p: number;
  readonly images: number;
  /** units that were flipped as one: images, or their groups */
  readonly units: number;
}

export interface SignFlipOptions {
  readonly seed: number;
  /** [images] images of one group are flipped together; each image by itself when absent */
  readonly groups?: readonly (string | number)[] | undefined;
  /** random flips where there are too many units to try all. Default 10 000 */
  readonly flips?: number | undefined;
}

/** Up to this many units every one of the 2ⁿ flips is tried, so that p is exact. */
const EXACT_UNITS = 14;

/** Share of seeds in which each image was right: one row of 0/1 a seed → [images]. NaN in a row: that seed was not asked that image. */
export function meanCorrectness(runs: readonly ArrayLike<number>[]): Float64Array {
  const images = runs[0]?.length ?? 0;
  const mean = new Float64Array(images);
  for (let i = 0; i < images; i++) {
    const asked = runs.map((run) => run[i] ?? Number.NaN).filter((right) => !Number.isNaN(right));
    mean[i] = asked.reduce((sum, right) => sum + right / asked.length, 0);
  }
  return mean;
}

/** a and b [images]: correctness of two methods on the same images, in 0…1. */
export function signFlipTest(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  { seed, groups, flips = 10_000 }: SignFlipOptions,
): PairedDifference {
  const images = a.length;
  const sums = new Map<string | number, number>();
  let total = 0;
  for (let i = 0; i < images; i++) {
    const d = (a[i] ?? Number.NaN) - (b[i] ?? Number.NaN);
    const unit = groups?.[i] ?? i;
    sums.set(unit, (sums.get(unit) ?? 0) + d);
    total += d;
  }
  const units = sums.size;
  const differing = Float64Array.from([...sums.values()].filter((d) => d !== 0));
  const result = { difference: images === 0 ? 0 : total / images, images, units };
  if (differing.length === 0) return { ...result, p: 1 };
  const far = Math.abs(total) - 1e-9;
  if (differing.length <= EXACT_UNITS) {
    const all = 2 ** differing.length;
    let asFar = 0;
    for (let signs = 0; signs < all; signs++) if (Math.abs(flipped(differing, (k) => ((signs >> k) & 1) === 1)) >= far) asFar++;
    return { ...result, p: asFar / all };
  }
  const random = randomStream(seed, "sign flips");
  let asFar = 1; // the observed signs are one of the flips
  for (let r = 0; r < flips; r++) if (Math.abs(flipped(differing, () => random.uniform() < 0.5)) >= far) asFar++;
  return { ...result, p: asFar / (flips + 1) };
}

function flipped(values: Float64Array, negative: (k: number) => boolean): number {
  let sum = 0;
  for (const [k, v] of values.entries()) sum += negative(k) ? -v : v;
  return sum;
}

/** Holm's step-down correction: p-values of one family → adjusted ones, in the same order. */
export function holm(p: readonly number[]): number[] {
  const order = Array.from(p.keys()).sort((i, j) => (p[i] ?? 1) - (p[j] ?? 1));
  const out = new Array<number>(p.length).fill(1);
  let largest = 0;
  for (const [rank, i] of order.entries()) {
    largest = Math.max(largest, Math.min(1, (p.length - rank) * (p[i] ?? 1)));
    out[i] = largest;
  }
  return out;
}

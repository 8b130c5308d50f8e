// Seeded streams of random numbers: the same seed and name give the same numbers on every engine.
// Only IEEE-exact operations (+ − × ÷ √) shape the numbers; Math.sin, Math.log and friends may differ in the last bit between engines.

import { nth } from "@biovlm/files";
import { uniformFloat64 } from "pure-rand/distribution/uniformFloat64";
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";

/** Seeded random numbers: the same seed and names give the same ones on every machine. */
export interface RandomStream {
  /** in [0, 1) */
  uniform(): number;
  /** integer in [0, n) */
  below(n: number): number;
  /** standard normal */
  normal(): number;
  /** Fisher–Yates, in place */
  shuffle<T>(items: T[]): T[];
}

/** A stream of its own for each (seed, name…), e.g. randomStream(1, "view", epoch, image). */
export function randomStream(seed: number, ...names: readonly (string | number)[]): RandomStream {
  const generator = xoroshiro128plus(hash32(`${seed}/${names.join("/")}`));
  const uniform = () => uniformFloat64(generator);
  const below = (n: number) => uniformInt(generator, 0, n - 1);
  return {
    uniform,
    below,
    normal: () => inverseNormal(Math.max(uniform(), 2 ** -53)),
    shuffle(items) {
      for (let i = items.length - 1; i > 0; i--) {
        const j = below(i + 1);
        [items[i], items[j]] = [nth(items, j), nth(items, i)];
      }
      return items;
    },
  };
}

/** 32-bit FNV-1a with a final avalanche, over UTF-16 units. */
function hash32(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** Quantile of the standard normal, Acklam's rational approximation (relative error < 1.15e-9 on (0,1)). */
function inverseNormal(p: number): number {
  const tail = 0.02425;
  if (p < tail) return tailQuantile(Math.sqrt(-2 * exactLog(p)));
  if (p > 1 - tail) return -tailQuantile(Math.sqrt(-2 * exactLog(1 - p)));
  const q = p - 0.5;
  const r = q * q;
  return (
    ((((((-39.69683028665376 * r + 220.9460984245205) * r - 275.9285104469687) * r + 138.357751867269) * r - 30.66479806614716) * r +
      2.506628277459239) *
      q) /
    (((((-54.47609879822406 * r + 161.5858368580409) * r - 155.6989798598866) * r + 66.80131188771972) * r - 13.28068155288572) * r + 1)
  );
}

function tailQuantile(q: number): number {
  return (
    (((((-0.007784894002430293 * q - 0.3223964580411365) * q - 2.400758277161838) * q - 2.549732539343734) * q + 4.374664141464968) * q +
      2.938163982698783) /
    ((((0.007784695709041462 * q + 0.3224671290700398) * q + 2.445134137142996) * q + 3.754408661907416) * q + 1)
  );
}

/** Natural log by halving into [1,2) and the atanh series: products and sums only. Relative error < 1e-15 for 2⁻⁵³ ≤ x < 1. */
function exactLog(x: number): number {
  let exponent = 0;
  let m = x;
  while (m < 1) {
    m *= 2;
    exponent--;
  }
  const s = (m - 1) / (m + 1);
  const s2 = s * s;
  let sum = 0;
  for (let k = 37; k >= 1; k -= 2) sum = sum * s2 + 1 / k;
  return exponent * Math.LN2 + 2 * s * sum;
}

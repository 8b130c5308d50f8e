// CPython's `random` for integer seeds: MT19937 seeded by array, randrange, sample and shuffle in CPython 3.11's order of draws.
// Only where a published split must be matched; every other choice in this project uses its own streams.

import { nth } from "@biovlm/files";
import { DatasetError } from "./errors.js";

/** CPython's `random.Random`, number for number: splits drawn by Python code are drawn again. */
export interface PythonRandom {
  /** in [0,1), 53 bits */
  random(): number;
  /** integer in [0,n) */
  below(n: number): number;
  /** k distinct items, as random.sample(population, k) */
  sample<T>(population: readonly T[], k: number): T[];
  /** in place, as random.shuffle */
  shuffle<T>(items: T[]): T[];
}

/** `random.Random(seed)` for a non-negative integer seed below 2⁵³. */
export function pythonRandom(seed: number): PythonRandom {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new DatasetError("bad_option", `seed — expected a whole number from 0 to 2^53 − 1, got ${seed}. Choose another seed.`);
  }
  const next = mersenneTwister(seed);
  const bits = (k: number) => next() >>> (32 - k);
  const below = (n: number) => {
    const k = 32 - Math.clz32(n);
    let r = bits(k);
    while (r >= n) r = bits(k);
    return r;
  };
  return {
    random: () => ((next() >>> 5) * 67_108_864 + (next() >>> 6)) / 9_007_199_254_740_992,
    below,
    sample(population, k) {
      const n = population.length;
      if (!Number.isInteger(k) || k < 0 || k > n) {
        throw new DatasetError("bad_option", `sample — expected 0 to ${n} of ${n} items, got ${k}. Ask for fewer.`);
      }
      // CPython copies the population when that is smaller than a set of k entries would be.
      const setSize = k > 5 ? 21 + 4 ** Math.ceil(Math.log(k * 3) / Math.log(4)) : 21;
      if (n <= setSize) {
        const pool = [...population];
        return Array.from({ length: k }, (_, i) => {
          const j = below(n - i);
          const chosen = nth(pool, j);
          pool[j] = nth(pool, n - i - 1);
          return chosen;
        });
      }
      const selected = new Set<number>();
      return Array.from({ length: k }, () => {
        let j = below(n);
        while (selected.has(j)) j = below(n);
        selected.add(j);
        return nth(population, j);
      });
    },
    shuffle(items) {
      for (let i = items.length - 1; i > 0; i--) {
        const j = below(i + 1);
        [items[i], items[j]] = [nth(items, j), nth(items, i)];
      }
      return items;
    },
  };
}

/** The seeding's mix of a word with its upper bits. */
function scrambled(state: Uint32Array, i: number): number {
  const word = nth(state, i);
  return word ^ (word >>> 30);
}

/** MT19937 with init_by_array over the seed's 32-bit words, as CPython seeds it. */
function mersenneTwister(seed: number): () => number {
  const N = 624;
  const state = new Uint32Array(N);
  state[0] = 19_650_218;
  for (let i = 1; i < N; i++) state[i] = Math.imul(1_812_433_253, scrambled(state, i - 1)) + i;
  const key = seed >= 2 ** 32 ? [seed >>> 0, Math.floor(seed / 2 ** 32)] : [seed];
  let i = 1;
  let j = 0;
  for (let k = N; k > 0; k--) {
    state[i] = (nth(state, i) ^ Math.imul(scrambled(state, i - 1), 1_664_525)) + nth(key, j) + j;
    if (++i >= N) {
      state[0] = nth(state, N - 1);
      i = 1;
    }
    if (++j >= key.length) j = 0;
  }
  for (let k = N - 1; k > 0; k--) {
    state[i] = (nth(state, i) ^ Math.imul(scrambled(state, i - 1), 1_566_083_941)) - i;
    if (++i >= N) {
      state[0] = nth(state, N - 1);
      i = 1;
    }
  }
  state[0] = 0x8000_0000;
  let at = N;
  return () => {
    if (at >= N) {
      for (let k = 0; k < N; k++) {
        const y = (nth(state, k) & 0x8000_0000) | (nth(state, (k + 1) % N) & 0x7fff_ffff);
        state[k] = nth(state, (k + 397) % N) ^ (y >>> 1) ^ (y & 1 ? 0x9908_b0df : 0);
      }
      at = 0;
    }
    let y = nth(state, at++);
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c_5680;
    y ^= (y << 15) & 0xefc6_0000;
    return (y ^ (y >>> 18)) >>> 0;
  };
}

// A seeded random source for the kernel suite (mulberry32): the same seed gives the same cases on every machine. Not for training.

export interface Seeded {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform integer in [0, limit); 0 when limit ≤ 1. */
  below(limit: number): number;
  /** One entry of a list that is not empty. */
  pick<T>(list: readonly [T, ...T[]]): T;
}

export function seeded(seed: number): Seeded {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const below = (limit: number): number => (limit <= 1 ? 0 : Math.floor(next() * limit));
  return { next, below, pick: (list) => list[below(list.length)] ?? list[0] };
}

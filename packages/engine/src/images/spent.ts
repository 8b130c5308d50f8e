// What pictures of one call took, as it is gathered.

/** Milliseconds, and the sizes of the encoder's runs. */
export interface Spent {
  readonly timings: { wait: number; decode: number; preprocess: number; encode: number };
  readonly runs: number[];
}

/** At the start of a call. */
export const nothingSpent = (): Spent => ({ timings: { wait: 0, decode: 0, preprocess: 0, encode: 0 }, runs: [] });

// A figure over seeds: mean and spread. Intervals of a share are proportion-interval.ts's, tests of two methods paired-test.ts's.

/** A 95 % interval, both ends included. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** Mean and sample standard deviation (n − 1; 0 for one value). */
export function meanStd(values: readonly number[]): { mean: number; std: number } {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  if (values.length < 2) return { mean, std: 0 };
  return { mean, std: Math.sqrt(values.reduce((a, v) => a + (v - mean) ** 2, 0) / (values.length - 1)) };
}

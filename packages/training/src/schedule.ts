// Learning rate by epoch: one warm-up epoch at a constant rate, then a cosine that starts afresh (method.md, "Optimiser").

export interface ScheduleOptions {
  readonly epochs: number;
  /** peak rate */
  readonly learningRate: number;
  readonly warmupEpochs: number;
  readonly warmupRate: number;
}

/** Rate of a 1-based epoch. The cosine's period is `epochs`, so the last epoch is not quite zero: 7.8853e-6 in epoch 50 of 50 at peak 0.002. */
export function learningRateAt(epoch: number, options: ScheduleOptions): number {
  if (epoch <= options.warmupEpochs) return options.warmupRate;
  const cosine = Math.cos((Math.PI * (epoch - 1 - options.warmupEpochs)) / options.epochs);
  // Rounded to 2⁻⁴⁰: engines may differ in the last bit of a cosine, and the same seed must give the same bank everywhere.
  return 0.5 * options.learningRate * (1 + Math.round(cosine * 2 ** 40) / 2 ** 40);
}

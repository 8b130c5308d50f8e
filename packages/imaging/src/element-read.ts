// Reads of single elements that say so when they go past the end, in place of trusting that they never do. Small enough to be inlined in loops.

import { corrupt } from "./errors.js";

/** Element `at` of samples or of a table. @throws ImagingError `corrupt_image` past the end */
export function sampleAt(samples: ArrayLike<number>, at: number): number {
  const value = samples[at];
  if (value === undefined) throw corrupt(`image data that end early — expected a sample at ${at}, got ${samples.length} in all`);
  return value;
}

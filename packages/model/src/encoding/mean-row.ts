// The mean of embedding rows: what stands for the slices of a series, or the frames of a file.

import { nth } from "@biovlm/files";

/** The mean [D] of blocks of rows [·,D], `count` rows in all; summed in float64. */
export function meanRow(blocks: readonly Float32Array[], count: number): Float32Array {
  const D = blocks.reduce((sum, block) => sum + block.length, 0) / count;
  const sums = new Float64Array(D);
  for (const block of blocks) for (let i = 0; i < block.length; i++) sums[i % D] = nth(sums, i % D) + nth(block, i);
  return Float32Array.from(sums, (sum) => sum / count);
}

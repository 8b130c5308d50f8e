// Which text rows run together. Rows of like length share a batch, so that padding is not computed; order is the caller's to restore.

import { nth } from "@biovlm/files";

/** One batch: row indices of the call and the length they are trimmed to. */
export interface LengthGroup {
  readonly rows: readonly number[];
  readonly length: number;
}

/** mask [n,L] → tokens of each row: the place after its last 1 (0 for an empty row). */
export function rowLengths(mask: Uint8Array, n: number, L: number): number[] {
  return Array.from({ length: n }, (_, r) => {
    let length = L;
    while (length > 0 && mask[r * L + length - 1] === 0) length--;
    return length;
  });
}

/**
 * Cuts rows into batches of at most `maxBatch` rows, or of more where they are at most `batchTokens` tokens together, so that Σ (batchCost + rows · length) is least, both counted in tokens: the exact optimum
 * over cuts of the length-sorted order. Deterministic; rows of equal length keep their order.
 * @param batchCost what one more run costs, in tokens of computing
 */
export function groupByLength(lengths: readonly number[], maxBatch: number, batchCost: number, batchTokens = 0): LengthGroup[] {
  const order = lengths.map((_, r) => r).sort((a, b) => nth(lengths, a) - nth(lengths, b) || a - b);
  const n = order.length;
  // best[i]: least cost of the first i sorted rows; the last batch ends at i and is as long as its longest row, order[i − 1].
  const best = new Float64Array(n + 1);
  const from = new Int32Array(n + 1);
  for (let i = 1; i <= n; i++) {
    best[i] = Number.POSITIVE_INFINITY;
    const length = nth(lengths, nth(order, i - 1));
    const most = Math.max(maxBatch, Math.floor(batchTokens / Math.max(1, length)));
    for (let k = Math.max(0, i - most); k < i; k++) {
      const cost = nth(best, k) + batchCost + (i - k) * length;
      if (cost < nth(best, i)) {
        best[i] = cost;
        from[i] = k;
      }
    }
  }
  const groups: LengthGroup[] = [];
  for (let i = n; i > 0; i = nth(from, i))
    groups.push({ rows: order.slice(nth(from, i), i), length: Math.max(1, nth(lengths, nth(order, i - 1))) });
  return groups.reverse();
}

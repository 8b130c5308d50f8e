// Which text rows run together.

import { seeded } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { groupByLength, rowLengths } from "../../src/encoding/length-groups.js";

describe("rowLengths", () => {
  it("counts to the last token, holes included", () => {
    expect(rowLengths(Uint8Array.of(1, 1, 0, 0, 1, 0, 1, 0, 1, 1, 1, 1), 3, 4)).toEqual([2, 3, 4]);
    expect(rowLengths(new Uint8Array(0), 0, 4)).toEqual([]);
  });
});

describe("groupByLength", () => {
  it("runs every row exactly once, in batches of at most maxBatch rows or batchTokens tokens, as long as their longest row", () => {
    const random = seeded(1);
    for (let i = 0; i < 200; i++) {
      const lengths = Array.from({ length: random.below(40) }, () => 1 + random.below(20));
      const maxBatch = 1 + random.below(9);
      const batchTokens = i % 2 === 0 ? 0 : random.below(80);
      const groups = groupByLength(lengths, maxBatch, random.below(100), batchTokens);
      expect(groups.flatMap((g) => g.rows).sort((a, b) => a - b)).toEqual(lengths.map((_, r) => r));
      for (const { rows, length } of groups) {
        expect(rows.length).toBeLessThanOrEqual(Math.max(maxBatch, batchTokens / length));
        expect(length).toBe(Math.max(...rows.map((r) => lengths[r]!)));
      }
    }
  });

  it("costs no more than any other cut of the sorted rows", () => {
    const cost = (groups: readonly { rows: readonly number[]; length: number }[], batchCost: number) =>
      groups.reduce((sum, g) => sum + batchCost + g.rows.length * g.length, 0);
    const random = seeded(2);
    for (let i = 0; i < 60; i++) {
      const lengths = Array.from({ length: 1 + random.below(8) }, () => 1 + random.below(12)).sort((a, b) => a - b);
      const batchCost = random.below(20);
      const got = cost(groupByLength(lengths, 4, batchCost), batchCost);
      for (let cuts = 0; cuts < 1 << (lengths.length - 1); cuts++) {
        const groups: { rows: number[]; length: number }[] = [{ rows: [0], length: lengths[0]! }];
        for (let r = 1; r < lengths.length; r++) {
          if ((cuts >> (r - 1)) & 1) groups.push({ rows: [], length: 0 });
          groups.at(-1)!.rows.push(r);
          groups.at(-1)!.length = lengths[r]!;
        }
        if (groups.every((g) => g.rows.length <= 4)) expect(got).toBeLessThanOrEqual(cost(groups, batchCost));
      }
    }
  });

  it("fills a batch of short rows up to batchTokens, where more than maxBatch fit in", () => {
    const lengths = Array.from({ length: 12 }, () => 5);
    expect(groupByLength(lengths, 4, 1, 49).map(({ rows }) => rows.length)).toEqual([3, 9]);
    expect(groupByLength(lengths, 4, 1, 19).map(({ rows }) => rows.length)).toEqual([4, 4, 4]);
  });

  it("joins rows of unlike lengths where a run is dear, and parts them where it is cheap", () => {
    expect(groupByLength([2, 20, 2], 8, 1000)).toEqual([{ rows: [0, 2, 1], length: 20 }]);
    expect(groupByLength([2, 20, 2], 8, 1)).toEqual([
      { rows: [0, 2], length: 2 },
      { rows: [1], length: 20 },
    ]);
  });
});

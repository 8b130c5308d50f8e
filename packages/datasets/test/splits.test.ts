import { readFileSync } from "node:fs";
import { golden } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import type { DatasetItem } from "../src/dataset.js";
import { pythonRandom } from "../src/python-random.js";
import { baseAndNew, checkCrossPair, fewShot, groupSplit, restrictTo } from "../src/splits.js";

function items(count: number, classCount: number, groupSize = 1): DatasetItem[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `i${i}`,
    index: i,
    label: Math.floor(i / groupSize) % classCount,
    group: `g${Math.floor(i / groupSize)}`,
    open: async () => ({ kind: "file", bytes: new Uint8Array() }),
  }));
}

describe("pythonRandom", () => {
  for (const v of JSON.parse(readFileSync(golden("python_random.json"), "utf8"))) {
    it(`draws what CPython draws for seed ${v.seed}`, () => {
      const r = pythonRandom(v.seed);
      expect([r.random(), r.random(), r.random()]).toEqual(v.random);
      expect([1, 2, 7, 100, 65536].map((n) => r.below(n))).toEqual(v.below);
      const range = (n: number) => Array.from({ length: n }, (_, i) => i);
      expect(r.sample(range(20), 5)).toEqual(v.small);
      expect(r.sample(range(90), 16)).toEqual(v.mid);
      expect(r.sample(range(5000), 16)).toEqual(v.large);
      expect(r.shuffle(range(12))).toEqual(v.shuffle);
    });
  }
  it("refuses seeds and samples that have no meaning", () => {
    expect(() => pythonRandom(-1)).toThrow(/expected a whole number/);
    expect(() => pythonRandom(1).sample([1, 2], 3)).toThrow(/Ask for fewer/);
  });
});

it("a group of more items than a call may have arguments stands on one side", () => {
  const n = 300_000;
  // one group alone is rounded down to the test side
  const { test } = groupSplit(items(n, 1, n), { train: 0.7, val: 0.1, test: 0.2 }, 1);
  expect(test).toHaveLength(n);
});

describe("fewShot", () => {
  it("draws the asked number of each class, repeatably, and another set for another seed", () => {
    const all = items(300, 3);
    const a = fewShot(all, 3, { shots: 16, seed: 1 });
    expect(a.map((i) => i.label)).toEqual([...Array(16).fill(0), ...Array(16).fill(1), ...Array(16).fill(2)]);
    expect(new Set(a.map((i) => i.id)).size).toBe(48);
    expect(fewShot(all, 3, { shots: 16, seed: 1 })).toEqual(a);
    expect(fewShot(all, 3, { shots: 16, seed: 2 })).not.toEqual(a);
  });
  it("takes only odd positions where asked", () => {
    expect(fewShot(items(300, 3), 3, { shots: 8, seed: 1, parity: "odd" }).every((i) => i.index % 2 === 1)).toBe(true);
  });
  it("takes no two pictures of one lesion where asked", () => {
    const drawn = fewShot(items(300, 3, 5), 3, { shots: 16, seed: 1, onePerGroup: true });
    expect(new Set(drawn.map((i) => i.group)).size).toBe(48);
  });
  it("gives all there is of a small class and refuses an empty one", () => {
    expect(fewShot(items(9, 3), 3, { shots: 16, seed: 1 })).toHaveLength(9);
    expect(() => fewShot(items(9, 3), 4, { shots: 1, seed: 1 })).toThrow(/class 3, got none/);
  });
});

describe("groupSplit", () => {
  it("keeps every group on one side and the shares of every class", () => {
    const all = items(3000, 3, 3);
    const split = groupSplit(all, { train: 0.7, val: 0.1, test: 0.2 }, 1);
    const side = new Map<string, string>();
    for (const [name, part] of Object.entries(split)) {
      for (const item of part) {
        expect(side.get(item.group!) ?? name).toBe(name);
        side.set(item.group!, name);
      }
    }
    expect(split.train.length + split.val.length + split.test.length).toBe(3000);
    for (let c = 0; c < 3; c++) expect(split.train.filter((i) => i.label === c).length / 1000).toBeCloseTo(0.7, 1.5);
    expect(groupSplit(all, { train: 0.7, val: 0.1, test: 0.2 }, 1)).toEqual(split);
    expect(() => groupSplit(all, { train: 0.7, val: 0.1, test: 0.3 }, 1)).toThrow(/sum of 1/);
  });
});

describe("base and new", () => {
  it("gives the first half, rounded up, to base and relabels from 0", () => {
    expect(baseAndNew(7)).toEqual({ base: [0, 1, 2, 3], new: [4, 5, 6] });
    expect(restrictTo(items(14, 7), [4, 5, 6]).map((i) => i.label)).toEqual([0, 1, 2, 0, 1, 2]);
  });
  it("refuses to test on the source of what was learned from", () => {
    expect(() => checkCrossPair("busi", "breastmnist")).toThrow(expect.objectContaining({ code: "refused_pair" }));
    expect(() => checkCrossPair("dermamnist", "ham10000")).toThrow(/shares them/);
    expect(() => checkCrossPair("busi", "retinamnist")).not.toThrow();
  });
});

// Paired comparison by image, correction over sets, and intervals of a share, against values that can be worked out or are published.

import { readFileSync } from "node:fs";
import { golden, seeded } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { holm, meanCorrectness, signFlipTest } from "../src/metrics/paired-test.js";
import { clusterInterval, wilsonInterval } from "../src/metrics/proportion-interval.js";

describe("signFlipTest", () => {
  it("is exact for few differing images: all of n one way is 2 in 2ⁿ", () => {
    for (const n of [1, 5, 10]) {
      const { p, difference } = signFlipTest(new Array(n).fill(1), new Array(n).fill(0), { seed: 1 });
      expect(p).toBeCloseTo(Math.min(1, 2 / 2 ** n), 12);
      expect(difference).toBe(1);
    }
    expect(signFlipTest([1, 0, 1], [1, 0, 1], { seed: 1 })).toMatchObject({ p: 1, difference: 0, units: 3 });
  });

  it("counts an image once, however many seeds asked it", () => {
    const a = [
      [1, 1, 0, 1],
      [1, 0, 0, 1],
      [1, 1, 0, 1],
    ];
    const b = [
      [0, 1, 0, 1],
      [0, 1, 0, 0],
      [1, 1, 0, 1],
    ];
    expect(Array.from(meanCorrectness(a))).toEqual([1, 2 / 3, 0, 1].map((v) => expect.closeTo(v, 12)));
    const one = signFlipTest(meanCorrectness(a), meanCorrectness(b), { seed: 1 });
    const again = signFlipTest(meanCorrectness([...a, ...a, ...a]), meanCorrectness([...b, ...b, ...b]), { seed: 1 });
    expect(again.p).toBeCloseTo(one.p, 12);
    expect(one.images).toBe(4);
  });

  it("flips the images of one group together: ten images of one lesion are one unit", () => {
    const groups = [...new Array<string>(10).fill("lesion 1"), "lesion 2"];
    const { p, units } = signFlipTest(new Array(11).fill(1), new Array(11).fill(0), { seed: 1, groups });
    expect(units).toBe(2);
    expect(p).toBeCloseTo(0.5, 12);
  });

  it("finds a real difference among many images and none where there is none, the same for one seed", () => {
    const random = seeded(3);
    const draw = (share: number) => Array.from({ length: 600 }, () => (random.next() < share ? 1 : 0));
    const better = signFlipTest(draw(0.8), draw(0.65), { seed: 1 });
    expect(better.p).toBeLessThan(0.001);
    expect(signFlipTest(draw(0.7), draw(0.7), { seed: 1 }).p).toBeGreaterThan(0.01);
    const [a, b] = [draw(0.7), draw(0.68)];
    expect(signFlipTest(a, b, { seed: 5 })).toEqual(signFlipTest(a, b, { seed: 5 }));
  });

  it("keeps its level: of 200 comparisons without a difference about one in twenty is below 0.05", () => {
    const random = seeded(11);
    let below = 0;
    for (let trial = 0; trial < 200; trial++) {
      const draw = () => Array.from({ length: 60 }, () => (random.next() < 0.6 ? 1 : 0));
      if (signFlipTest(draw(), draw(), { seed: trial, flips: 400 }).p < 0.05) below++;
    }
    expect(below).toBeGreaterThan(1);
    expect(below).toBeLessThan(22);
  });
});

interface GoldenCase {
  readonly a: readonly string[];
  readonly b: readonly string[];
  readonly groups: readonly number[] | null;
  readonly units: number;
  readonly differing: number;
  readonly difference: number;
  readonly p: number;
}

describe("numpy's values, by convolution in place of draws", () => {
  const vectors = JSON.parse(readFileSync(golden("sign_flip.json"), "utf8")) as {
    readonly cases: readonly GoldenCase[];
    readonly holm: { readonly p: readonly number[]; readonly adjusted: readonly number[] };
  };
  for (const { a, b, groups, units, differing, difference, p } of vectors.cases) {
    it(`${units} units, ${differing} that differ: p = ${p.toPrecision(3)}`, () => {
      const mean = (runs: readonly string[]) => meanCorrectness(runs.map((run) => Array.from(run, Number)));
      const flips = 10_000;
      const found = signFlipTest(mean(a), mean(b), { seed: 1, flips, groups: groups ?? undefined });
      expect(found.units).toBe(units);
      expect(found.difference).toBeCloseTo(difference, 12);
      // exact where all signs are tried; else within four standard errors of the draw, and never below one in all
      if (differing <= 14) expect(found.p).toBeCloseTo(p, 12);
      else expect(Math.abs(found.p - p)).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / flips) + 1.5 / flips);
    });
  }
  it("Holm's correction over the cases", () => {
    for (const [i, value] of holm(vectors.holm.p).entries()) expect(value).toBeCloseTo(vectors.holm.adjusted[i]!, 12);
  });
});

describe("holm", () => {
  it("adjusts as worked out by hand, in the order given, and never beyond one", () => {
    expect(holm([0.01, 0.04, 0.03, 0.005])).toEqual([0.03, 0.06, 0.06, 0.02].map((v) => expect.closeTo(v, 12)));
    expect(holm([0.9, 0.8])).toEqual([1, 1]);
    expect(holm([])).toEqual([]);
  });
});

describe("wilsonInterval", () => {
  it("has the published values and a width where everything is right", () => {
    const { low, high } = wilsonInterval(81, 263);
    expect(low).toBeCloseTo(0.2553, 4);
    expect(high).toBeCloseTo(0.3662, 4);
    const all = wilsonInterval(20, 20);
    expect(all.high).toBe(1);
    expect(all.low).toBeCloseTo(0.8389, 4);
    expect(wilsonInterval(0, 20).low).toBe(0);
    expect(wilsonInterval(0, 0)).toEqual({ low: 0, high: 1 });
  });
});

describe("clusterInterval", () => {
  it("is wider than by image where images of one lesion agree, and the same for one seed", () => {
    const groups = Array.from({ length: 200 }, (_, i) => `lesion ${Math.floor(i / 10)}`);
    const values = Array.from({ length: 200 }, (_, i) => (Math.floor(i / 10) % 2 === 0 ? 1 : 0));
    const byLesion = clusterInterval(values, groups, 1);
    const byImage = clusterInterval(
      values,
      groups.map((_, i) => String(i)),
      1,
    );
    expect(byLesion.high - byLesion.low).toBeGreaterThan(2 * (byImage.high - byImage.low));
    expect(clusterInterval(values, groups, 1)).toEqual(byLesion);
    expect(byLesion.low).toBeLessThan(0.5);
    expect(byLesion.high).toBeGreaterThan(0.5);
  });
  it("has a width where every lesion is right, that of so many lesions", () => {
    const groups = Array.from({ length: 40 }, (_, i) => i % 8);
    expect(clusterInterval(new Array(40).fill(1), groups, 1)).toEqual(wilsonInterval(8, 8));
    expect(clusterInterval(new Array(40).fill(0), groups, 1)).toEqual(wilsonInterval(0, 8));
  });
});

// The Gaussian expert and the mixture's weights against numpy, their limits (one shot, equal shots), and the linear algebra under them.

import { readFileSync } from "node:fs";
import { golden, seeded } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { TrainingError } from "../src/errors.js";
import { choleskyFactor, choleskySolve } from "../src/expert/cholesky.js";
import { expertLogits, fitGaussianExpert } from "../src/expert/gaussian-expert.js";
import { foldOf, mixtureNll, mixtureWeights } from "../src/expert/mixture-weights.js";

interface Case {
  readonly seed: number;
  readonly C: number;
  readonly D: number;
  readonly shrinkage: number;
  readonly sentenceLabels: number;
  readonly labels: readonly number[];
  readonly fold: readonly number[];
  readonly features: readonly number[];
  readonly text: readonly number[];
  readonly W: readonly number[];
  readonly b: readonly number[];
  readonly a: number;
  readonly w: number;
  readonly nll: number;
}
const cases = JSON.parse(readFileSync(golden("expert.json"), "utf8")) as Case[];

describe.each(cases)("numpy's case $seed", ({ seed, C, D, shrinkage, sentenceLabels, labels, fold, features, text, W, b, a, w, nll }) => {
  const input = { features: Float32Array.from(features), labels: Int32Array.from(labels), C, D, shrinkage };

  it("has the same W and b within 1e-5 of their size", () => {
    const expert = fitGaussianExpert(input);
    const size = Math.max(...W.map(Math.abs));
    for (const [i, value] of W.entries()) expect(Math.abs((expert.W[i] ?? Number.NaN) - value) / size).toBeLessThan(1e-5);
    for (const [c, value] of b.entries()) expect(Math.abs((expert.b[c] ?? Number.NaN) - value) / Math.abs(value)).toBeLessThan(1e-5);
  });

  it("has the same folds and the same weights, chosen at the same likelihood", () => {
    expect(Array.from(foldOf(input.labels, C, Math.max(...fold) + 1, seed))).toEqual(fold);
    const chosen = mixtureWeights({ ...input, textLogits: Float32Array.from(text), described: true, seed, sentenceLabels });
    expect([chosen.a, chosen.w, chosen.folds]).toEqual([a, w, Math.max(...fold) + 1]);
    expect(Math.abs((chosen.nll ?? Number.NaN) - nll)).toBeLessThan(1e-5);
  });
});

describe("fitGaussianExpert", () => {
  const rows = (n: number, D: number, seed: number) => {
    const random = seeded(seed);
    return Float32Array.from({ length: n * D }, () => random.next() - 0.5);
  };

  it("says nothing where nothing is known of the covariance: one shot a class, or equal shots", () => {
    const one = fitGaussianExpert({ features: rows(3, 8, 1), labels: Int32Array.of(0, 1, 2), C: 3, D: 8 });
    expect([...one.W, ...one.b].every((v) => v === 0)).toBe(true);
    const twice = rows(2, 8, 2);
    const equal = fitGaussianExpert({ features: Float32Array.of(...twice, ...twice), labels: Int32Array.of(0, 1, 0, 1), C: 2, D: 8 });
    expect([...equal.W, ...equal.b].every((v) => v === 0)).toBe(true);
  });

  it("gives a shot of far classes to its class, whatever the order of the shots", () => {
    const features = Float32Array.of(1, 0, 0, 0.9, 0.1, 0, 0, 1, 0, 0.1, 0.9, 0);
    const expert = fitGaussianExpert({ features, labels: Int32Array.of(0, 0, 1, 1), C: 2, D: 3 });
    const z = expertLogits(expert, features, 4);
    expect([z[0]! > z[1]!, z[2]! > z[3]!, z[4]! < z[5]!, z[6]! < z[7]!]).toEqual([true, true, true, true]);
  });

  it("refuses a class without a shot, labels out of range, another count of numbers, and NaN", () => {
    const features = rows(4, 3, 4);
    expect(() => fitGaussianExpert({ features, labels: Int32Array.of(0, 0, 0, 0), C: 2, D: 3 })).toThrow(/none of class 1/);
    expect(() => fitGaussianExpert({ features, labels: Int32Array.of(0, 1, 2, 0), C: 2, D: 3 })).toThrow(TrainingError);
    expect(() => fitGaussianExpert({ features, labels: Int32Array.of(0, 1), C: 2, D: 3 })).toThrow(/\[2, 3\]/);
    features[5] = Number.NaN;
    expect(() => fitGaussianExpert({ features, labels: Int32Array.of(0, 0, 1, 1), C: 2, D: 3 })).toThrow(/NaN/);
  });
});

describe("mixtureWeights", () => {
  it("is text alone where a class has one shot", () => {
    const input = {
      features: new Float32Array(3 * 4).fill(0.5),
      labels: Int32Array.of(0, 0, 1),
      C: 2,
      D: 4,
      textLogits: new Float32Array(6),
      described: true,
      seed: 1,
    };
    expect(mixtureWeights(input)).toEqual({ a: 1, w: 0, folds: 0 });
  });

  it("leaves out the text of names that tell the shots apart no better than equal chances, unless sentences were given", () => {
    const [C, D, n] = [2, 4, 12];
    const random = seeded(3);
    const labels = Int32Array.from({ length: n }, (_, i) => i % C);
    const features = Float32Array.from({ length: n * D }, (_, i) => (i % D === labels[Math.floor(i / D)] ? 1 : 0) + 0.2 * random.next());
    const input = { features, labels, C, D, seed: 1, shrinkage: 0.03 };
    const silent = new Float32Array(n * C);
    expect(mixtureWeights({ ...input, textLogits: silent, described: false })).toMatchObject({ a: 0, folds: 5 });
    expect(mixtureWeights({ ...input, textLogits: silent, described: false }).w).toBeGreaterThan(0);
    expect(mixtureWeights({ ...input, textLogits: silent, described: true }).a).toBeGreaterThan(0);
    const telling = Float32Array.from({ length: n * C }, (_, i) => (i % C === labels[Math.floor(i / C)] ? 2 : 0));
    expect(mixtureWeights({ ...input, textLogits: telling, described: false }).a).toBeGreaterThan(0);
  });

  it("gives the expert no weight on two shots that it tells apart by chance, where the sentences' answers count", () => {
    // two shots a class, each fold's expert knows no covariance, so that every weight is as likely: the lesser stays
    const features = Float32Array.of(1, 0, 0.8, 0.6, 0, 1, 0.6, 0.8);
    const input = { features, labels: Int32Array.of(0, 0, 1, 1), C: 2, D: 2, seed: 1, shrinkage: 0.03, described: true };
    const textLogits = Float32Array.of(2, 0, 1, 0, 0, 2, 0, 1);
    expect(mixtureWeights({ ...input, textLogits, sentenceLabels: 8 })).toMatchObject({ a: 1, w: 0, folds: 2 });
  });

  it("leaves the sentences' answers less, the more labels these count for", () => {
    const [C, D, n] = [2, 4, 24];
    const random = seeded(4);
    const labels = Int32Array.from({ length: n }, (_, i) => i % C);
    const features = Float32Array.from({ length: n * D }, (_, i) => (i % D === labels[Math.floor(i / D)] ? 1 : 0) + 0.8 * random.next());
    // sentences that are wrong of every other shot
    const textLogits = Float32Array.from({ length: n * C }, (_, i) => ((Math.floor(i / C) >> 1) % 2 === i % C ? 1 : 0));
    const weigh = (sentenceLabels: number) =>
      mixtureWeights({ features, labels, C, D, textLogits, described: true, seed: 1, sentenceLabels });
    const [free, held] = [weigh(0), weigh(10_000)];
    expect(free.w / free.a).toBeGreaterThan(0);
    expect(held).toMatchObject({ a: 1, w: 0 });
    expect(held.nll).toBeGreaterThan(free.nll ?? Number.NaN);
  });

  it("deals every class over all folds", () => {
    const labels = Int32Array.from({ length: 40 }, (_, i) => i % 4);
    const fold = foldOf(labels, 4, 5, 9);
    for (let c = 0; c < 4; c++) {
      const own = Array.from(fold).filter((_, i) => labels[i] === c);
      expect(own.sort()).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 4, 4]);
    }
    expect(foldOf(labels, 4, 5, 9)).toEqual(fold);
    expect(foldOf(labels, 4, 5, 10)).not.toEqual(fold);
  });

  it("measures as cross-entropy does, also where logits are huge", () => {
    const text = Float32Array.of(1, 3, 2, 0);
    const zero = new Float32Array(4);
    const labels = Int32Array.of(1, 0);
    const wanted = -(Math.log(Math.exp(3) / (Math.exp(1) + Math.exp(3))) + Math.log(Math.exp(2) / (Math.exp(2) + 1))) / 2;
    expect(mixtureNll(text, zero, labels, 2, 1, 1)).toBeCloseTo(wanted, 12);
    expect(mixtureNll(Float32Array.of(5000, -5000, 0, 0), zero, Int32Array.of(0, 1), 2, 1, 0)).toBeCloseTo(Math.log(2) / 2, 12);
  });
});

describe("the linear algebra", () => {
  it("solves random positive definite systems to 1e-9", () => {
    for (const D of [1, 2, 7, 33, 64]) {
      const random = seeded(D);
      const m = Float64Array.from({ length: D * D }, () => random.next() - 0.5);
      const a = new Float64Array(D * D);
      for (let i = 0; i < D; i++)
        for (let j = 0; j < D; j++) {
          let sum = i === j ? 0.5 : 0;
          for (let k = 0; k < D; k++) sum += m[i * D + k]! * m[j * D + k]!;
          a[i * D + j] = sum;
        }
      const x = Float64Array.from({ length: D }, () => random.next() - 0.5);
      const b = Float64Array.from({ length: D }, (_, i) => x.reduce((sum, v, k) => sum + a[i * D + k]! * v, 0));
      const solved = choleskySolve(choleskyFactor(a, D), b, D);
      for (const [i, v] of x.entries()) expect(Math.abs((solved[i] ?? Number.NaN) - v)).toBeLessThan(1e-9);
    }
  });

  it("refuses a matrix that is not positive definite", () => {
    expect(() => choleskyFactor(Float64Array.of(1, 2, 2, 1), 2)).toThrow(/positive definite/);
    expect(() => choleskyFactor(Float64Array.of(Number.NaN), 1)).toThrow(TrainingError);
  });
});

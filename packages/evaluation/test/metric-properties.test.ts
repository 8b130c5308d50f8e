// What figures must obey whatever the numbers: bounds, invariances, and agreement with their plain definitions.

import { cases, type Seeded, seeded } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { minimise } from "../src/baselines/lbfgs.js";
import { evaluate } from "../src/evaluate.js";
import { auc } from "../src/metrics/auc.js";
import {
  brierScore,
  expectedCalibrationError,
  fitTemperature,
  negativeLogLikelihood,
  reliabilityBins,
  scaledProbabilities,
} from "../src/metrics/calibration.js";
import { classificationMetrics, predictions } from "../src/metrics/classification.js";
import { signFlipTest } from "../src/metrics/paired-test.js";

function draw(random: Seeded) {
  const [C, n] = [2 + random.below(5), 5 + random.below(60)];
  const labels = Int32Array.from({ length: n }, () => random.below(C));
  const logits = Float32Array.from(
    { length: n * C },
    (_, i) => 4 * random.next() + (labels[Math.floor(i / C)] === i % C ? random.next() * 3 : 0),
  );
  return { C, n, labels, logits, probabilities: scaledProbabilities(logits, C, 1) };
}
const at = (values: ArrayLike<number>, i: number): number => values[i] ?? Number.NaN;

describe("over random predictions", () => {
  it("accuracy, recall and confusion agree with counting", () => {
    const random = seeded(1);
    for (let i = 0; i < cases(500); i++) {
      const { C, n, labels, probabilities } = draw(random);
      const called = predictions(probabilities, C);
      const figures = classificationMetrics(labels, called, C);
      const right = labels.filter((label, k) => label === called[k]).length;
      expect(figures.accuracy).toBeCloseTo(right / n, 12);
      expect(figures.confusion.flat().reduce((a, b) => a + b, 0)).toBe(n);
      const recalls = Array.from({ length: C }, (_, c) => {
        const own = [...labels.keys()].filter((k) => labels[k] === c);
        return own.length === 0 ? undefined : own.filter((k) => called[k] === c).length / own.length;
      }).filter((value) => value !== undefined);
      expect(figures.balancedAccuracy).toBeCloseTo(recalls.reduce((a, b) => a + b, 0) / recalls.length, 12);
      expect(figures.macroF1).toBeGreaterThanOrEqual(0);
      expect(figures.macroF1).toBeLessThanOrEqual(1);
    }
  });

  it("AUC of two classes is the share of pairs in the right order, ties half, whatever keeps their order", () => {
    const random = seeded(2);
    for (let i = 0; i < cases(300); i++) {
      const n = 4 + random.below(40);
      const labels = Int32Array.from({ length: n }, (_, k) => (k < 2 ? k : random.below(2)));
      const score = Float32Array.from({ length: n }, () => random.below(6) / 8 + 0.0625);
      const both = (p: Float32Array) => Float32Array.from({ length: 2 * n }, (_, k) => (k % 2 === 1 ? at(p, k >> 1) : 1 - at(p, k >> 1)));
      let [pairs, good] = [0, 0];
      for (let a = 0; a < n; a++) {
        for (let b = 0; b < n; b++) {
          if (labels[a] !== 1 || labels[b] !== 0) continue;
          pairs++;
          good += at(score, a) > at(score, b) ? 1 : at(score, a) === at(score, b) ? 0.5 : 0;
        }
      }
      expect(auc(both(score), labels, 2)).toBeCloseTo(good / pairs, 6);
      expect(auc(both(score.map((p) => p * p)), labels, 2)).toBeCloseTo(good / pairs, 6);
    }
  });

  it("calibration figures stay in their bounds, and bins hold every image once", () => {
    const random = seeded(3);
    for (let i = 0; i < cases(300); i++) {
      const { C, n, labels, logits, probabilities } = draw(random);
      const bins = reliabilityBins(probabilities, labels, C);
      expect(bins.reduce((a, bin) => a + bin.count, 0)).toBe(n);
      for (const bin of bins) if (bin.count > 0) expect(bin.confidence).toBeGreaterThan(bin.from - 1e-6);
      expect(expectedCalibrationError(bins)).toBeLessThanOrEqual(1);
      const brier = brierScore(probabilities, labels, C);
      expect([brier >= 0, brier <= 2]).toEqual([true, true]);
      expect(negativeLogLikelihood(logits, labels, C, 1)).toBeGreaterThan(0);
    }
  });

  it("no temperature on a grid beats the fitted one, and it changes no prediction", () => {
    const random = seeded(4);
    for (let i = 0; i < cases(100); i++) {
      const { C, labels, logits } = draw(random);
      const T = fitTemperature(logits, labels, C);
      const best = negativeLogLikelihood(logits, labels, C, T);
      for (let u = -2.9; u < 4.6; u += 0.25) expect(best).toBeLessThanOrEqual(negativeLogLikelihood(logits, labels, C, Math.exp(u)) + 1e-9);
      expect(predictions(scaledProbabilities(logits, C, T), C)).toEqual(predictions(scaledProbabilities(logits, C, 1), C));
    }
  });

  it("the sign-flip test's p is one for methods that are right on the same images, and the same whichever comes first", () => {
    const random = seeded(5);
    for (let i = 0; i < cases(300); i++) {
      const n = 5 + random.below(60);
      const [a, b] = [0, 1].map(() => Uint8Array.from({ length: n }, () => random.below(2))) as [Uint8Array, Uint8Array];
      const options = { seed: i, flips: 100 };
      expect(signFlipTest(a, a, options)).toEqual({ difference: 0, p: 1, images: n, units: n });
      expect(signFlipTest(a, b, options).p).toBeCloseTo(signFlipTest(b, a, options).p, 12);
      expect(signFlipTest(a, b, options).p).toBeLessThanOrEqual(1);
    }
  });

  it("an evaluation is the same for images in another order", () => {
    const random = seeded(6);
    const { C, n, labels, logits } = draw(random);
    const order = Array.from({ length: n }, (_, i) => n - 1 - i);
    const turned = {
      labels: Int32Array.from(order, (i) => at(labels, i)),
      logits: Float32Array.from({ length: n * C }, (_, k) => at(logits, (order[Math.floor(k / C)] ?? 0) * C + (k % C))),
    };
    const [a, b] = [evaluate({ logits, labels, C, seed: 1 }), evaluate({ ...turned, C, seed: 1 })];
    expect([b.accuracy, b.confusion]).toEqual([a.accuracy, a.confusion]);
    expect(b.auc).toBeCloseTo(a.auc, 9);
    expect(b.calibration.ece).toBeCloseTo(a.calibration.ece, 6);
    expect(() => classificationMetrics(new Int32Array(0), new Int32Array(0), 2)).toThrow(
      expect.objectContaining({ code: "bad_shape", package: "evaluation" }),
    );
  });
});

describe("minimise", () => {
  it("finds the minimum of convex quadratics that are solved by hand", () => {
    const random = seeded(7);
    for (let i = 0; i < cases(50); i++) {
      const d = 1 + random.below(8);
      const [curve, centre] = [0, 1].map(() => Float64Array.from({ length: d }, () => 0.5 + random.next() * 5)) as [
        Float64Array,
        Float64Array,
      ];
      const x = new Float64Array(d);
      minimise(
        (p, g) => {
          let value = 0;
          for (let k = 0; k < d; k++) {
            const off = at(p, k) - at(centre, k);
            value += 0.5 * at(curve, k) * off * off;
            g[k] = at(curve, k) * off;
          }
          return value;
        },
        x,
        { maxIterations: 200, tolerance: 1e-10 },
      );
      for (let k = 0; k < d; k++) expect(x[k]).toBeCloseTo(at(centre, k), 6);
    }
  });
});

import { readFileSync } from "node:fs";
import { golden } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { auc } from "../src/metrics/auc.js";
import {
  brierScore,
  expectedCalibrationError,
  fitTemperature,
  negativeLogLikelihood,
  reliabilityBins,
  scaledProbabilities,
} from "../src/metrics/calibration.js";
import { classificationMetrics, harmonicMean, predictions } from "../src/metrics/classification.js";
import { meanStd } from "../src/metrics/intervals.js";

const vectors = JSON.parse(readFileSync(golden("metrics.json"), "utf8"));

describe("metrics equal scikit-learn's on the committed vectors", () => {
  for (const v of vectors.cases) {
    it(`agrees for ${v.C} classes`, () => {
      const p = Float32Array.from(v.probabilities);
      const y = Int32Array.from(v.labels);
      const m = classificationMetrics(y, predictions(p, v.C), v.C);
      expect(m.accuracy).toBeCloseTo(v.accuracy, 12);
      expect(m.balancedAccuracy).toBeCloseTo(v.balanced, 12);
      expect(m.macroF1).toBeCloseTo(v.f1, 12);
      expect(m.confusion).toEqual(v.confusion);
      for (const [c, r] of m.recall.entries()) expect(r).toBeCloseTo(v.recall[c], 12);
      expect(auc(p, y, v.C)).toBeCloseTo(v.auc, 6);
      expect(brierScore(p, y, v.C)).toBeCloseTo(v.brier, 6);
      expect(negativeLogLikelihood(Float32Array.from(v.logits), y, v.C, 1)).toBeCloseTo(v.nll, 5);
    });
  }
});

describe("calibration", () => {
  it("finds the temperature that sharpened logits need", () => {
    const v = vectors.cases[2];
    const base = Float32Array.from(v.logits);
    const y = Int32Array.from(v.labels);
    const t = fitTemperature(base, y, v.C);
    const sharpened = base.map((x) => x * 4);
    expect(fitTemperature(sharpened, y, v.C) / t).toBeCloseTo(4, 3);
    expect(negativeLogLikelihood(base, y, v.C, t)).toBeLessThanOrEqual(negativeLogLikelihood(base, y, v.C, t * 1.05));
    expect(negativeLogLikelihood(base, y, v.C, t)).toBeLessThanOrEqual(negativeLogLikelihood(base, y, v.C, t * 0.95));
  });
  it("is zero when confidence equals accuracy and large when everything is confidently wrong", () => {
    const wrong = reliabilityBins(Float32Array.from([1, 0, 1, 0]), Int32Array.from([1, 1]), 2);
    expect(expectedCalibrationError(wrong)).toBe(1);
    const right = reliabilityBins(Float32Array.from([1, 0, 0, 1]), Int32Array.from([0, 1]), 2);
    expect(expectedCalibrationError(right)).toBe(0);
  });
  it("scales rows to probabilities that sum to one", () => {
    const p = scaledProbabilities(Float32Array.from([1000, 0, -1000, 2, 2, 2]), 3, 2);
    expect(p[0]).toBe(1);
    expect(p[3]! + p[4]! + p[5]!).toBeCloseTo(1, 6);
  });
});

describe("figures over seeds", () => {
  it("gives the sample standard deviation and the harmonic mean", () => {
    expect(meanStd([1, 2, 3])).toEqual({ mean: 2, std: 1 });
    expect(harmonicMean(0.5, 1)).toBeCloseTo(2 / 3, 12);
    expect(harmonicMean(0, 0)).toBe(0);
  });
});

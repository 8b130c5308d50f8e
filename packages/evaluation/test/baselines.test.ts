import { readFileSync } from "node:fs";
import { golden } from "@biovlm/testkit";
import { randomStream } from "@biovlm/training/loop";
import { describe, expect, it } from "vitest";
import { minimise } from "../src/baselines/lbfgs.js";
import { fitLogistic, linearProbe } from "../src/baselines/linear-probe.js";
import { tipAdapter, tipAdapterF } from "../src/baselines/tip-adapter.js";
import { accuracyOf, type FeatureSet } from "../src/feature-set.js";
import { scaledProbabilities } from "../src/metrics/calibration.js";

/** n rows around C unit directions of D dimensions, with noise. */
function clusters(seed: number, n: number, C: number, D: number, noise: number): FeatureSet {
  const r = randomStream(seed, "clusters");
  const features = new Float32Array(n * D);
  const labels = Int32Array.from({ length: n }, (_, i) => i % C);
  for (let i = 0; i < n; i++) {
    let norm = 0;
    for (let d = 0; d < D; d++) {
      const x = (d === labels[i] ? 1 : 0) + noise * r.normal();
      features[i * D + d] = x;
      norm += x * x;
    }
    for (let d = 0; d < D; d++) features[i * D + d]! /= Math.sqrt(norm);
  }
  return { features, labels, n };
}

describe("minimise", () => {
  it("finds the minimum of the Rosenbrock valley", () => {
    const x = Float64Array.of(-1.2, 1);
    minimise(
      (p, g) => {
        g[0] = -400 * p[0]! * (p[1]! - p[0]! ** 2) - 2 * (1 - p[0]!);
        g[1] = 200 * (p[1]! - p[0]! ** 2);
        return 100 * (p[1]! - p[0]! ** 2) ** 2 + (1 - p[0]!) ** 2;
      },
      x,
      { maxIterations: 500, tolerance: 1e-9 },
    );
    expect(x[0]).toBeCloseTo(1, 6);
    expect(x[1]).toBeCloseTo(1, 6);
  });
});

describe("linear probe", () => {
  const vectors = JSON.parse(readFileSync(golden("logistic.json"), "utf8"));
  for (const v of vectors.cases) {
    it(`gives scikit-learn's probabilities for ${v.C} classes at C = ${v.strength}`, () => {
      const train = { features: Float32Array.from(v.x), labels: Int32Array.from(v.y), n: v.n };
      // scikit-learn's binary fit is a sigmoid of one column: the same weights split over two columns carry half the penalty.
      const strength = v.C === 2 ? v.strength / 2 : v.strength;
      const p = scaledProbabilities(fitLogistic(train, v.C, v.D, strength).logits(Float32Array.from(v.test), 20), v.C, 1);
      p.forEach((x, i) => {
        expect(Math.abs(x - v.p[i])).toBeLessThan(1e-4);
      });
    });
  }
  it("chooses its strength on validation and separates what can be separated", () => {
    const model = linearProbe(clusters(1, 48, 4, 16, 0.15), clusters(2, 40, 4, 16, 0.15), 4, 16);
    const test = clusters(3, 200, 4, 16, 0.15);
    expect(accuracyOf(model.logits(test.features, test.n), test.labels, 4)).toBeGreaterThan(0.9);
  });
});

describe("Tip-Adapter", () => {
  const options = { C: 4, D: 16, scale: 10 };
  const text = new Float32Array(4 * 16); // a zero-shot classifier that knows nothing
  text.fill(0.25);
  const train = clusters(1, 64, 4, 16, 0.25);
  const validation = clusters(2, 40, 4, 16, 0.25);
  const test = clusters(3, 400, 4, 16, 0.25);
  it("lifts an uninformed zero-shot classifier with its cache", () => {
    const m = tipAdapter(train, validation, text, options);
    expect(accuracyOf(m.logits(test.features, test.n), test.labels, 4)).toBeGreaterThan(0.7);
  });
  it("fits its keys to the shots in the -F form, repeatably", () => {
    const plain = tipAdapter(train, { ...validation, n: 0 }, text, options);
    const a = tipAdapterF(train, { ...validation, n: 0 }, text, options);
    const b = tipAdapterF(train, { ...validation, n: 0 }, text, options);
    expect(a.logits(test.features, test.n)).toEqual(b.logits(test.features, test.n));
    expect(a.logits(test.features, test.n)).not.toEqual(plain.logits(test.features, test.n));
    expect(accuracyOf(a.logits(train.features, train.n), train.labels, 4)).toBeGreaterThanOrEqual(
      accuracyOf(plain.logits(train.features, train.n), train.labels, 4),
    );
  });
});

// What is said of a learned bank: a collapse, a class never answered and no gain are never passed over, and a good bank is not warned of.

import { cases, seeded } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { learningReport } from "../src/learning-report.js";
import { wilsonInterval } from "../src/metrics/proportion-interval.js";

const classes = ["benign", "malignant", "normal"];
/** Scores that answer each image as told. */
const answering = (called: readonly number[]) =>
  Float32Array.from({ length: called.length * 3 }, (_, i) => (called[Math.floor(i / 3)] === i % 3 ? 2 : 0));
const labels = Int32Array.from({ length: 60 }, (_, i) => (i < 33 ? 0 : i < 51 ? 1 : 2));
const truth = Array.from(labels);
const report = (untrained: readonly number[], learned: readonly number[]) =>
  learningReport({ classes, labels, untrained: answering(untrained), learned: answering(learned), seed: 1 });
const codes = (untrained: readonly number[], learned: readonly number[]) => report(untrained, learned).warnings.map(({ code }) => code);

describe("learningReport", () => {
  it("warns of nothing where the bank is right more often than the sentences", () => {
    const untrained = truth.map((label, i) => (i % 3 === 0 ? (label + 1) % 3 : label));
    expect(codes(untrained, truth)).toEqual([]);
    const { learned, majority, p } = report(untrained, truth);
    expect([learned.accuracy, learned.balancedAccuracy, majority]).toEqual([1, 1, 33 / 60]);
    expect(p).toBeLessThan(0.01);
  });

  it("gives every accuracy its interval: Wilson's, or wider where images are of few patients", () => {
    const called = truth.map((label, i) => (i % 3 === 0 ? (label + 1) % 3 : label));
    const { untrained, learned } = report(called, truth);
    expect(untrained.accuracyInterval).toEqual(wilsonInterval(40, 60));
    expect(learned.accuracyInterval).toEqual(wilsonInterval(60, 60));
    const half = truth.map((label, i) => (i < 30 ? label : (label + 1) % 3));
    const groups = truth.map((_, i) => Math.floor(i / 10));
    const input = { classes, labels, untrained: answering(half), learned: answering(half), seed: 1 };
    const [alone, together] = [learningReport(input), learningReport({ ...input, groups })].map((r) => r.learned.accuracyInterval);
    expect(together!.high - together!.low).toBeGreaterThan(alone!.high - alone!.low);
  });

  it("counts each answer by class, and gives the expert's figures where there is an expert", () => {
    const called = truth.map((label, i) => (i % 3 === 0 ? (label + 1) % 3 : label));
    const { learned, expert } = learningReport({
      classes,
      labels,
      untrained: answering(truth),
      learned: answering(called),
      expert: answering(truth.map(() => 0)),
      seed: 1,
    });
    for (const [row, counts] of learned.confusion.entries())
      expect(counts).toEqual(classes.map((_, c) => called.filter((x, i) => x === c && truth[i] === row).length));
    expect(expert?.accuracy).toBe(33 / 60);
    expect(expert?.recall).toEqual([1, 0, 0]);
    expect(report(truth, truth)).not.toHaveProperty("expert");
  });

  it("says that a constant answer is a collapse, whichever class it is, and not only that it is below the others", () => {
    for (const c of [0, 1, 2]) {
      const warned = report(
        truth,
        truth.map(() => c),
      ).warnings;
      expect(warned[0]).toMatchObject({ code: "collapsed", message: expect.stringContaining(`"${classes[c]}" for 100.0 %`) });
      expect(warned.map(({ code }) => code)).toContain("no_gain");
    }
  });

  it("names a class that is never answered", () => {
    const never = truth.map((label) => (label === 2 ? 0 : label));
    expect(report(truth, never).warnings[0]).toMatchObject({
      code: "class_never_answered",
      message: expect.stringMatching(/"normal"\. Give more images of it/),
    });
  });

  it("says that nothing was won where balanced accuracy does not rise, and nothing of it where both are always right", () => {
    expect(codes(truth, truth)).toEqual([]);
    const same = truth.map((label, i) => (i % 4 === 0 ? (label + 1) % 3 : label));
    expect(codes(same, same)).toEqual(["no_gain"]);
  });

  it("says that the commonest class alone would be right more often", () => {
    const poor = truth.map((_, i) => i % 3);
    const told = report(
      poor,
      truth.map((label, i) => (i % 2 === 0 ? label : (label + 1) % 3)),
    );
    expect(told.warnings.map(({ code }) => code)).toContain("below_majority");
  });

  it("never passes over a collapse: over random banks, one that answers one class is always warned of", () => {
    const random = seeded(3);
    for (let i = 0; i < cases(500); i++) {
      const c = random.below(3);
      const few = random.below(3);
      const called = truth.map((_, k) => (k < few ? random.below(3) : c));
      const share = Math.max(...[0, 1, 2].map((x) => called.filter((y) => y === x).length)) / 60;
      if (share >= 0.95) expect(codes(truth, called)[0]).toBe("collapsed");
    }
  });
});

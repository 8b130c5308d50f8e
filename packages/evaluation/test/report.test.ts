// Tables of a sweep: what stands first, the commonest class beside the methods, and how methods are compared.

import { describe, expect, it } from "vitest";
import { comparisonsOf } from "../src/comparisons.js";
import { evaluate, groupNumbers, majorityFigures } from "../src/evaluate.js";
import { csvReport, markdownReport } from "../src/report.js";
import { type Cell, COMMONEST_CLASS, rowsOf, storedEvaluation } from "../src/results.js";

/** An evaluation of n images, two thirds of the first of two classes, in which the first `right` are right. */
function evaluation(n: number, right: number, groups?: readonly number[]) {
  const labels = Int32Array.from({ length: n }, (_, i) => (i % 3 === 2 ? 1 : 0));
  const logits = new Float32Array(2 * n);
  for (let i = 0; i < n; i++) logits[2 * i + (i < right ? labels[i]! : 1 - labels[i]!)] = 2;
  return storedEvaluation(evaluate({ logits, labels, C: 2, seed: 1, validation: { logits, labels }, groups }));
}

const base = { format: "biovlm-cell/2", shots: 16, seconds: 1, model: "sha256:0", device: "cpu" } as const;
const cells: Cell[] = [1, 2].flatMap((seed) => [
  { ...base, setting: "few-shot", dataset: "busi", seed, method: "biovlm", test: evaluation(24, 17 + seed) },
  { ...base, setting: "few-shot", dataset: "busi", seed, method: "attribute-bank", test: evaluation(24, 12) },
  { ...base, setting: "base-to-new", dataset: "retina", seed, method: "biovlm", base: evaluation(10, 8), new: evaluation(10, 4) },
  {
    ...base,
    setting: "base-to-new",
    dataset: "breast, left",
    seed,
    method: "biovlm",
    base: evaluation(10, 10),
    new: evaluation(10, 10),
    caveat: "one class on each side",
  },
]);

describe("results", () => {
  it("gives mean and standard deviation over seeds, the harmonic mean of base and new, and the commonest class first", () => {
    const rows = rowsOf(cells);
    expect(rows.map(({ dataset, method }) => [dataset, method])).toEqual([
      ["busi", COMMONEST_CLASS],
      ["busi", "biovlm"],
      ["busi", "attribute-bank"],
      ["retina", COMMONEST_CLASS],
      ["retina", "biovlm"],
      ["breast, left", COMMONEST_CLASS],
      ["breast, left", "biovlm"],
    ]);
    expect(rows[0]).toMatchObject({ balancedAccuracy: { mean: 0.5 }, auc: { mean: 0.5 }, accuracy: { mean: expect.closeTo(2 / 3, 12) } });
    expect(rows[0]!.ece).toBeUndefined();
    expect(rows[1]!.accuracy.mean).toBeCloseTo(18.5 / 24, 12);
    expect(rows[1]!.accuracy.std).toBeCloseTo(1 / 24 / Math.SQRT2, 12);
    expect(rows[4]!.accuracy.mean).toBeCloseTo((2 * 0.8 * 0.4) / 1.2, 12);
    expect(rows[4]).toMatchObject({ base: { accuracy: { mean: 0.8 } }, new: { accuracy: { mean: 0.4 } } });
    expect(rows[3]!.accuracy.mean).toBeCloseTo(0.7, 12);
  });

  it("compares with the opponent named, an image once however many seeds, and corrects over sets", () => {
    const [own, ...others] = comparisonsOf(cells, "attribute-bank");
    expect(others).toEqual([]);
    // seven images that seeds got right half or all of the time, all one way: 2 of 2⁷
    expect(own).toMatchObject({ method: "biovlm", against: "attribute-bank", dataset: "busi", seeds: 2, images: 24, units: 24 });
    expect(own!.p).toBeCloseTo(2 / 2 ** 7, 12);
    expect(own!.pHolm).toBe(own!.p);
    const second = cells.map((cell) => (cell.dataset === "busi" ? { ...cell, dataset: "ham" } : cell));
    const both = comparisonsOf([...cells, ...second], "attribute-bank");
    expect(both.map(({ dataset, pHolm }) => [dataset, pHolm])).toEqual([
      ["busi", expect.closeTo(4 / 2 ** 7, 12)],
      ["ham", expect.closeTo(4 / 2 ** 7, 12)],
    ]);
    expect(comparisonsOf(cells, "coop")).toEqual([]);
  });

  it("flips the images of one lesion as one, and makes its interval by lesion", () => {
    const groups = Array.from({ length: 24 }, (_, i) => Math.floor(i / 8));
    const lesions = cells.map((cell) => (cell.test === undefined ? cell : { ...cell, test: { ...cell.test, groups } }));
    const [test] = comparisonsOf(lesions, "attribute-bank");
    expect(test).toMatchObject({ images: 24, units: 3 });
    expect(test!.p).toBe(0.5);
    const [alone, together] = [evaluation(24, 8), evaluation(24, 8, groups)];
    expect(together.accuracyInterval.low).toBe(0);
    expect(alone.accuracyInterval.low).toBeGreaterThan(0.15);
    expect(markdownReport(lesions, "attribute-bank")).toContain("busi 24 images in 3 groups");
  });

  it("refuses to compare what was measured on other images", () => {
    const cut = cells.map((cell) => (cell.method === "attribute-bank" ? { ...cell, test: evaluation(20, 12) } : cell));
    expect(() => comparisonsOf(cut, "attribute-bank")).toThrow(expect.objectContaining({ code: "bad_shape" }));
  });

  it("averages an image over the seeds that were tested on it, where seeds are tested on different ones", () => {
    // images 0 to 3; seed 1 leaves out 3, seed 2 leaves out 0; groups 0 (images 0, 1) and 1 (images 2, 3)
    const cell = (method: string, seed: number, correct: string, places: number[]): Cell => ({
      ...cells[0]!,
      method,
      seed,
      places: [places],
      test: { ...cells[0]!.test!, correct, groups: places.map((place) => place >> 1) },
    });
    const some = [
      cell("mine", 1, "110", [0, 1, 2]),
      cell("mine", 2, "111", [1, 2, 3]),
      cell("other", 1, "010", [0, 1, 2]),
      cell("other", 2, "000", [1, 2, 3]),
    ];
    const [test] = comparisonsOf(some, "other");
    // image by image: 1 − 0, 1 − ½, ½ − 0, 1 − 0
    expect(test).toMatchObject({ images: 4, units: 2, seeds: 2, difference: 0.75, p: 0.5 });
    const elsewhere = some.map((one) => (one.method === "other" && one.seed === 2 ? { ...one, places: [[0, 1, 2]] } : one));
    expect(() => comparisonsOf(elsewhere, "other")).toThrow(expect.objectContaining({ code: "bad_shape" }));
  });

  it("knows lesions by number, never by name", () => {
    const items = [{ id: "a", group: "patient Q" }, { id: "b" }, { id: "c", group: "patient Q" }, { id: "patient Q" }];
    expect(groupNumbers(items)).toEqual([0, 1, 0, 2]);
    expect(groupNumbers([{ id: "a" }, { id: "b" }])).toBeUndefined();
  });

  it("gives the constant answer its figures over the classes that occur", () => {
    expect(majorityFigures([2, 2, 0])).toEqual({ balancedAccuracy: 0.5, auc: 0.5, accuracy: 2 / 3 });
  });
});

describe("tables", () => {
  it("show balanced accuracy first, then AUC, then accuracy, with the commonest class in each", () => {
    const text = markdownReport(cells, "attribute-bank");
    const [balanced, auc, accuracy] = ["balanced accuracy", "AUC", "accuracy"].map((name) => text.indexOf(`2 seeds: ${name} in %`));
    expect(balanced).toBeGreaterThan(0);
    expect([auc! > balanced!, accuracy! > auc!]).toEqual([true, true]);
    expect(text).toContain("| commonest-class | 50.0 ± 0.0 | 50.0 |");
    expect(text).toContain("| commonest-class | 66.7 ± 0.0 | 66.7 |");
    expect(text).toContain("| biovlm | 77.1 ± 2.9 | 77.1 |");
    expect(text).toContain("Research use only");
  });

  it("leave cells with a caveat out of the average and say why", () => {
    const text = markdownReport(cells, "attribute-bank");
    expect(text).toContain("| biovlm | 53.3 ± 0.0 (80.0 / 40.0) | 100.0 ± 0.0 (100.0 / 100.0) | 53.3 |");
    expect(text).toContain("\\* breast, left: one class on each side; left out of the average.");
  });

  it("say which test was made, or why none", () => {
    const text = markdownReport(cells, "attribute-bank");
    expect(text).toContain("| biovlm | +27.1, p = 0.016 |");
    expect(text).toContain("sign-flip test (busi 24 images)");
    expect(text).not.toContain("McNemar");
    expect(markdownReport(cells, "coop")).toContain("No paired test against coop: it was not among the methods; --against names another.");
  });

  it("are a CSV line for every row, in the same order", () => {
    const lines = csvReport(cells, "attribute-bank").trim().split("\n");
    expect(lines).toHaveLength(8);
    expect(lines[0]!.split(",").slice(6, 12)).toEqual([
      "balanced_accuracy",
      "balanced_accuracy_std",
      "auc",
      "auc_std",
      "accuracy",
      "accuracy_std",
    ]);
    const fields = lines.map((line) => line.replaceAll(/"[^"]*"/g, "x").split(","));
    expect(fields.every(({ length }) => length === fields[0]!.length)).toBe(true);
    expect(lines[7]).toContain('"breast, left"');
    expect(fields[2]!.slice(fields[0]!.indexOf("against"))).toEqual(["attribute-bank", expect.any(String), "0.015625", "0.015625", ""]);
  });
});

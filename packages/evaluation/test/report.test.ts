import { describe, expect, it } from "vitest";
import { evaluate } from "../src/evaluate.js";
import { csvReport, markdownReport } from "../src/report.js";
import { againstBestBaseline, type Cell, rowsOf, storedEvaluation } from "../src/results.js";

/** An evaluation of n images of two classes in which the first `right` are right. */
function evaluation(n: number, right: number) {
  const labels = Int32Array.from({ length: n }, (_, i) => i % 2);
  const logits = new Float32Array(2 * n);
  for (let i = 0; i < n; i++) logits[2 * i + (i < right ? labels[i]! : 1 - labels[i]!)] = 2;
  return storedEvaluation(evaluate({ logits, labels, C: 2, seed: 1, validation: { logits, labels } }));
}

const base = { format: "biovlm-cell/1", shots: 16, seconds: 1, model: "sha256:0", device: "cpu" } as const;
const cells: Cell[] = [1, 2].flatMap((seed) => [
  { ...base, setting: "few-shot", dataset: "busi", seed, method: "biovlm", test: evaluation(20, 14 + seed) },
  { ...base, setting: "few-shot", dataset: "busi", seed, method: "coop", test: evaluation(20, 12) },
  { ...base, setting: "base-to-new", dataset: "retina", seed, method: "biovlm", base: evaluation(10, 8), new: evaluation(10, 4) },
  {
    ...base,
    setting: "base-to-new",
    dataset: "breast",
    seed,
    method: "biovlm",
    base: evaluation(10, 10),
    new: evaluation(10, 10),
    caveat: "one class on each side",
  },
]);

describe("results", () => {
  it("gives mean and standard deviation over seeds, and the harmonic mean of base and new", () => {
    const rows = rowsOf(cells);
    expect(rows).toHaveLength(4);
    expect(rows[0]!.accuracy.mean).toBeCloseTo(0.775, 12);
    expect(rows[0]!.accuracy.std).toBeCloseTo(0.05 / Math.SQRT2, 12);
    expect(rows[2]!.accuracy.mean).toBeCloseTo((2 * 0.8 * 0.4) / 1.2, 12);
  });
  it("tests the method against the best other one on the same images", () => {
    const test = againstBestBaseline(
      cells.filter((c) => c.dataset === "busi"),
      "biovlm",
    )!;
    expect(test).toMatchObject({ against: "coop", onlyMethod: 7, onlyOther: 0 });
    expect(test.p).toBeCloseTo(2 * 0.5 ** 7, 12);
  });
  it("leaves cells with a caveat out of the average and says why", () => {
    const text = markdownReport(cells, "biovlm");
    expect(text).toContain("| biovlm | 77.5 ± 3.5 | 77.5 |");
    expect(text).toContain("| biovlm | 53.3 ± 0.0 (80.0 / 40.0) | 100.0 ± 0.0 (100.0 / 100.0) | 53.3 |");
    expect(text).toContain("\\* breast: one class on each side; left out of the average.");
    expect(text).toContain("Research use only");
  });
  it("writes a CSV line for every row", () => {
    const lines = csvReport(cells).trim().split("\n");
    expect(lines).toHaveLength(5);
    expect(lines[4]).toContain('"one class on each side"');
    expect(lines.every((l) => l.split(",").length === 18)).toBe(true);
  });
});

// Cells beside published figures: the band of a row, the verdict, averages over a suite that was run in part, and what stays out of the bytes.

import { describe, expect, it } from "vitest";
import { evaluate } from "../src/evaluate.js";
import { BIOMEDCOOP_SUITE, PUBLISHED_FIGURES } from "../src/reproduction/published-figures.js";
import { reproduction, reproductionReport } from "../src/reproduction/reproduction.js";
import { type Cell, storedEvaluation } from "../src/results.js";

/** A cell with `right` of 400 right, two classes. */
function cell(right: number, changes: Partial<Cell> = {}): Cell {
  const labels = Int32Array.from({ length: 400 }, (_, i) => i % 2);
  const logits = new Float32Array(800);
  for (const [i, label] of labels.entries()) logits[2 * i + (i < right ? label : 1 - label)] = 2;
  const test = storedEvaluation(evaluate({ logits, labels, C: 2, seed: 1 }));
  const place = { setting: "few-shot", dataset: "breastmnist", shots: 16, seed: 1, method: "biovlm" } as const;
  return { format: "biovlm-cell/2", ...place, test, seconds: 1, model: "m", device: "cpu", ...changes };
}
const about = {
  program: "biovlm 0",
  model: { name: "biomedclip", digest: "d", device: "cpu", core: "simd" },
  asked: {},
  data: [{ dataset: "breastmnist", images: 780, split: "official", warnings: [] }],
  absent: [{ dataset: "octmnist", code: "not_found" }],
  refused: [],
};
const verdicts = async (...rights: number[]) => {
  const cells = rights.map((right, i) => cell(right, { seed: i + 1 }));
  return (await reproduction(cells, about)).rows.map(({ verdict, band }) => [verdict, band.map((share) => Math.round(1000 * share))]);
};

describe("a row beside the published 65.6 %", () => {
  it("is within, above or below by its own band of seeds and images", async () => {
    // 1.96 √(p(1 − p)/400) about a p of 0.65 is 0.047
    expect(await verdicts(260, 260)).toEqual([["within", [603, 697]]]);
    expect(await verdicts(320, 320)).toEqual([["above", [761, 839]]]);
    expect(await verdicts(200, 200)).toEqual([["below", [451, 549]]]);
    // seeds that scatter widen it: 0.6 ± 1.96 √(0.1414² + 0.24/400)
    expect(await verdicts(200, 280)).toEqual([["within", [319, 881]]]);
  });

  it("has none where nothing was published of the method, the setting or the shots", async () => {
    const others = [
      cell(260, { method: "zero-shot" }),
      cell(260, { dataset: "busi" }),
      cell(260, { setting: "cross-dataset", source: "busi" }),
    ];
    const { rows } = await reproduction(others, about);
    expect(rows.map((row) => [row.verdict, row.published])).toEqual(others.map(() => ["no published figure", undefined]));
  });
});

describe("what a reproduction holds", () => {
  it("is the same however long it took, and another where a figure is", async () => {
    const [fast, slow, other] = await Promise.all(
      [cell(260), cell(260, { seconds: 99 }), cell(261)].map((one) => reproduction([one], about)),
    );
    expect(slow).toEqual(fast);
    expect(other?.digest).not.toBe(fast?.digest);
  });

  it("gives figures without twins beside those as published, where there are twins", async () => {
    const test = cell(100).test;
    const { rows } = await reproduction(
      [cell(260, test === undefined ? {} : { withoutTwins: { test } }), cell(260, { method: "coop" })],
      about,
    );
    expect(rows.map((row) => row.withoutTwins)).toEqual([{ accuracy: 0.25, balancedAccuracy: 0.25 }, undefined]);
    expect(reproductionReport(await reproduction([cell(260, test === undefined ? {} : { withoutTwins: { test } })], about))).toContain(
      "| 25.0 / 25.0 |",
    );
  });

  it("compares a suite's average only where all of its sets were run", async () => {
    const known = BIOMEDCOOP_SUITE.flatMap(({ name }) => (name === undefined ? [] : [name]));
    const all = await reproduction(
      known.map((dataset) => cell(260, { dataset, method: "coop" })),
      about,
    );
    expect(all.suites).toEqual([
      { published: expect.objectContaining({ accuracy: 69.62, shots: 16 }), method: "coop", sets: known, of: 11 },
    ]);
    const report = reproductionReport(all);
    expect(report).toContain(`| few-shot | 16 | coop | 69.62 | not comparable: ${known.length} of 11 sets (${known.join(", ")}) |`);
    expect(report).toContain("| octmnist | not there (not_found) | | | |");
    expect(report).not.toContain("This run's model is another one");
    expect(reproductionReport({ ...all, model: { ...all.model, name: "tiny" } })).toContain("This run's model is another one");
  });

  it("names a source for every published figure, and no accuracy that cannot be one", () => {
    for (const { accuracy, source, shots, unsaid } of PUBLISHED_FIGURES) {
      expect(accuracy > 0 && accuracy < 100 && source.includes("arXiv")).toBe(true);
      expect(shots === undefined).toBe(unsaid !== undefined);
    }
  });
});

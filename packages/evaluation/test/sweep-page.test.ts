// A sweep's page: lines over shots where there are several, the report's tables in any case, nothing from outside and nothing of a name as markup.

import { describe, expect, it } from "vitest";
import { evaluate } from "../src/evaluate.js";
import { sweepPage } from "../src/node/index.js";
import { markdownReport } from "../src/report.js";
import { type Cell, storedEvaluation } from "../src/results.js";

function cell(shots: number, seed: number, method: string, right: number): Cell {
  const labels = Int32Array.from({ length: 20 }, (_, i) => i % 2);
  const logits = Float32Array.from({ length: 40 }, (_, k) => {
    const [i, c] = [Math.floor(k / 2), k % 2];
    return (c === labels[i]) === i < right ? 1 : 0;
  });
  return {
    ...({ format: "biovlm-cell/2", setting: "few-shot", dataset: "busi <b>", seconds: 1, model: "sha256:0", device: "cpu" } as const),
    ...{ shots, seed, method, test: storedEvaluation(evaluate({ logits, labels, C: 2, seed })) },
  };
}

describe("sweepPage", () => {
  const cells = [1, 4, 16].flatMap((shots) =>
    [1, 2].flatMap((seed) => [cell(shots, seed, "mixture", 10 + seed + Math.log2(shots)), cell(shots, seed, "attribute-bank", 11)]),
  );

  it("draws a line for every method and for the commonest class, with a band, and shows the tables", async () => {
    const page = await sweepPage(cells, markdownReport(cells, "attribute-bank"));
    expect(page.match(/<svg/g)).toHaveLength(1);
    expect(page.match(/aria-roledescription="line mark"/g)).toHaveLength(3);
    expect(page.match(/aria-roledescription="area mark"/g)).toHaveLength(3);
    // three figures and one comparison for each number of shots
    expect(page.match(/<table>/g)).toHaveLength(12);
    expect(page).toContain("<th>method</th>");
    expect(page).toContain("Research use only, not a medical device.");
    expect(page).not.toContain("<b>");
    expect(page).not.toMatch(/<script|href="http|src="/);
    expect(await sweepPage(cells, markdownReport(cells, "attribute-bank"))).toHaveLength(page.length);
  });

  it("has tables alone where one number of shots was asked for", async () => {
    const one = cells.filter(({ shots }) => shots === 4);
    const page = await sweepPage(one, markdownReport(one, "attribute-bank"));
    expect(page).not.toContain("<svg");
    expect(page.match(/<table>/g)).toHaveLength(4);
  });
});

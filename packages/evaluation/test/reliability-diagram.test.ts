import { randomStream } from "@biovlm/training/loop";
import { describe, expect, it } from "vitest";
import { evaluate } from "../src/evaluate.js";
import { reliabilityDiagram } from "../src/node/reliability-diagram.js";

describe("reliabilityDiagram", () => {
  it("draws both panels with their figures and no outside reference", async () => {
    const r = randomStream(1, "diagram");
    const n = 300;
    const labels = Int32Array.from({ length: n }, () => r.below(3));
    const logits = Float32Array.from({ length: 3 * n }, (_, i) => 3 * r.normal() + (labels[Math.floor(i / 3)] === i % 3 ? 2 : 0));
    const e = evaluate({ logits, labels, C: 3, seed: 1, validation: { logits, labels } });
    const svg = await reliabilityDiagram("busi, biovlm <16 shots>", e.calibration, e.calibrated);
    expect(svg).toMatch(/^<svg/);
    expect(svg).toContain(`ECE ${e.calibration.ece.toFixed(3)}`);
    expect(svg).toContain(`ECE ${e.calibrated!.ece.toFixed(3)}`);
    expect(svg).toContain("&lt;16 shots&gt;");
    expect(svg.match(/aria-roledescription="bar"/g)!.length).toBe(
      [...e.calibration.bins, ...e.calibrated!.bins].filter((b) => b.count > 0).length,
    );
    expect(svg).not.toMatch(/href="http/);
  });
});

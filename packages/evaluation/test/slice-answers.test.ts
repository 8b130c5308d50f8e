// One answer for an item of several pictures: the mean of their probabilities, whatever comes after takes as logits.

import { loadCore } from "@biovlm/core";
import { describe, expect, it } from "vitest";
import { itemLogits } from "../src/slice-answers.js";

describe("logits of items of several pictures", () => {
  it("give the mean of the pictures' probabilities; an item of one picture keeps its logits", async () => {
    const core = await loadCore({ deterministic: true });
    const logits = Float32Array.of(2, -1, 0.5, 0.1, -3, 4, 7, 7, -2, 0.3, 0.2, 0.1);
    const starts = Int32Array.of(0, 3, 4);
    const items = itemLogits(core, logits, starts, 3);
    const [each, all] = [core.softmax(logits, 4, 3), core.softmax(items, 2, 3)];
    for (let c = 0; c < 3; c++) expect(all[c]).toBeCloseTo(((each[c] ?? 0) + (each[3 + c] ?? 0) + (each[6 + c] ?? 0)) / 3, 6);
    expect(Array.from(items.subarray(3))).toEqual(Array.from(logits.subarray(9)));
  });

  it("stay finite where every picture is sure that it is another class", async () => {
    const core = await loadCore({ deterministic: true });
    const items = itemLogits(core, Float32Array.of(500, -500, 400, -600), Int32Array.of(0, 2), 2);
    expect(items.every(Number.isFinite)).toBe(true);
    expect(items[0]).toBeCloseTo(0, 6);
  });
});

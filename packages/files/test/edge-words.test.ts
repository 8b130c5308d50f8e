import { describe, expect, it } from "vitest";
import { atEdge, type EdgeWords } from "../src/index.js";

const WORDS: EdgeWords = {
  raise: (limit) => ({ maxBytes: "raise --max-image-bytes", maxPixels: "raise --max-pixels" })[limit],
  range: "by --range LOW..HIGH",
};

describe("a remedy at an edge", () => {
  it.each([
    ["Make it smaller, or raise maxPixels.", "Make it smaller, or raise --max-pixels."],
    ["Cut it smaller, or raise maxBytes or maxPixels.", "Cut it smaller, or raise --max-image-bytes or raise --max-pixels."],
    ["Save the image again, or raise timeoutMs.", "Save the image again."],
    ["Save the frame, or raise maxFrames.", "Save the frame."],
    ["Name the values as range LOW..HIGH, the same for all.", "Name the values by --range LOW..HIGH, the same for all."],
    ["Export it again.", "Export it again."],
  ])("%s", (said, there) => {
    expect(atEdge(said, WORDS)).toBe(there);
  });
});

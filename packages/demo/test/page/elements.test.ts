// Numbers and names as the page writes them: text alone, no element.

import { describe, expect, it } from "vitest";
import { byteCount, percent, plainName, probabilityText, visibleText } from "../../src/page/elements.js";
import { HOSTILE_NAMES } from "../hostile-names.js";

describe("what people read", () => {
  it("gives small shares a digit more, and counted shares their ends", () => {
    expect([0, 0.004, 0.0994, 0.0996, 0.5, 0.996, 1].map(percent)).toEqual([
      "0\u00a0%",
      "0.4\u00a0%",
      "9.9\u00a0%",
      "10\u00a0%",
      "50\u00a0%",
      "100\u00a0%",
      "100\u00a0%",
    ]);
  });

  it("never calls a probability certain or impossible", () => {
    expect([0, 0.0009, 0.001].map(probabilityText)).toEqual(["<0.1\u00a0%", "<0.1\u00a0%", "0.1\u00a0%"]);
    expect([0.99, 0.9901, 0.9999, 1].map(probabilityText)).toEqual(["99\u00a0%", ">99\u00a0%", ">99\u00a0%", ">99\u00a0%"]);
  });

  it("counts bytes in the unit that is read most easily", () => {
    expect([0, 999_400, 1_000_000, 7_240_000, 2_500_000_000].map(byteCount)).toEqual(["0 kB", "999 kB", "1.0 MB", "7.2 MB", "2.50 GB"]);
  });

  it("shows class names with spaces for underscores", () => {
    expect(plainName("left_lung_upper")).toBe("left lung upper");
  });

  it("leaves nothing of a name that could hide, turn or break text, and ends it", () => {
    for (const name of HOSTILE_NAMES) {
      const shown = visibleText(name);
      expect(shown).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/);
      expect(shown.length).toBeLessThanOrEqual(200);
    }
    expect(visibleText("abcdef", 4)).toBe("abc…");
    expect(visibleText("abcd", 4)).toBe("abcd");
    expect(visibleText("a\u202eb")).toBe("a\ufffdb");
  });
});

// Entries are given where they are and missed loudly where they are not.

import { describe, expect, it } from "vitest";
import { known, nth } from "../src/index.js";

describe("reads of single entries", () => {
  it("give the entry, also one that is zero, empty or null", () => {
    expect(nth([0, "", null], 0)).toBe(0);
    expect(nth([0, "", null], 2)).toBeNull();
    expect(nth(Uint8Array.of(7), 0)).toBe(7);
    expect(known(new Map([["a", 0]]), "a")).toBe(0);
  });

  it("throw where nothing is, and say how many there are", () => {
    expect(() => nth([1, 2], 2)).toThrow(/entry 2 — expected one of 2/);
    expect(() => nth([1], -1)).toThrow(RangeError);
    expect(() => known(new Map(), "a")).toThrow(RangeError);
  });
});

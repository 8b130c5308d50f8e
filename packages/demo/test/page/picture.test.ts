// Colours of the occlusion map: one scale for all images, falls and rises told apart, nothing where nothing changes.

import { describe, expect, it } from "vitest";
import { colourOfDrop } from "../../src/page/picture.js";

describe("the colour of a fall", () => {
  const opacity = (drop: number) => colourOfDrop(drop)[3] ?? Number.NaN;

  it("grows with the fall, is the same both ways, and does not depend on other cells", () => {
    const all = Array.from({ length: 101 }, (_, i) => opacity(i / 100));
    expect(all[0]).toBe(0);
    expect(all.at(-1)).toBeGreaterThan(200);
    for (let i = 1; i < all.length; i++) expect(all[i]).toBeGreaterThan(all[i - 1] ?? Number.POSITIVE_INFINITY);
    for (const drop of [0.1, 0.5, 1]) {
      expect(opacity(-drop)).toBe(opacity(drop));
      expect(colourOfDrop(-drop).slice(0, 3)).not.toEqual(colourOfDrop(drop).slice(0, 3));
    }
  });
});

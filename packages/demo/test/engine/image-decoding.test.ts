// How the page sees a volume: its middle axial slice, and words that say so.

import { describe, expect, it } from "vitest";
import { ImageDecoding } from "../../src/engine/image-decoding.js";

describe("a volume in the page", () => {
  it("is seen by its middle axial slice, and says so", async () => {
    const header = "NRRD0004\ntype: uchar\ndimension: 3\nsizes: 4 4 3\nencoding: raw\n\n";
    const slices = [10, 20, 30].map((grey) => new Uint8Array(16).fill(grey));
    const view = await new ImageDecoding("http://127.0.0.1/").view({ file: new Blob([header, ...slices]) });
    expect({ format: view.format, first: view.rgb[0] }).toEqual({ format: "nrrd", first: 20 });
    expect(view.notes).toEqual(["axial slice 2 of 3", expect.stringContaining("does not say how it lies")]);
  });
});

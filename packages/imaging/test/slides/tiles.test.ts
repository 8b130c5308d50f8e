// Which level is read, in which squares, and which of them show tissue.

import { describe, expect, it } from "vitest";
import type { Slide } from "../../src/slides/slide.js";
import { cellRegion, tileGrid } from "../../src/slides/tile-grid.js";
import { otsuThreshold, tissueShares } from "../../src/slides/tissue.js";

const level = (width: number, height: number, micronsPerPixel: number | undefined) => ({
  ...{ width, height, micronsPerPixel, tileWidth: 64, tileHeight: 64 },
});
const levels = [level(4000, 3000, 0.25), level(1000, 750, 1), level(250, 188, 4)];

/** A slide whose pixels are a function of where they lie on level 0. */
function drawn(colour: (x: number, y: number) => readonly [number, number, number], slideLevels = levels): Slide & { reads: number[] } {
  const reads: number[] = [];
  return {
    ...{ reads, format: "tiff", levels: slideLevels, notes: [] },
    stored: async () => true,
    close: async () => {},
    async region({ level: index, x, y, width, height }) {
      reads.push(index);
      const { width: across, height: down } = slideLevels[index] ?? { width: 1, height: 1 };
      const scale = (slideLevels[0]?.width ?? 1) / across;
      const data = new Uint8Array(width * height * 3).fill(255);
      for (let i = 0; i < width * height; i++) {
        const [px, py] = [x + (i % width), y + Math.floor(i / width)];
        if (px >= across || py >= down) continue;
        const [r, g, b] = colour((px + 0.5) * scale, (py + 0.5) * scale);
        data[i * 3] = r;
        data[i * 3 + 1] = g;
        data[i * 3 + 2] = b;
      }
      return { data, width, height };
    },
  };
}

describe("a grid of tiles", () => {
  it.each([
    [0.25, 0, 200],
    [0.5, 0, 400],
    [0.99, 1, 198],
    [0.97, 0, 776],
    [1, 1, 200],
    [8, 2, 400],
  ])("of %s µm a pixel is cut from the coarsest level that is fine enough", (micronsPerPixel, index, side) => {
    const grid = tileGrid({ levels }, { tile: 200, micronsPerPixel });
    const { width, height } = levels[index] ?? { width: 0, height: 0 };
    expect(grid).toMatchObject({ level: index, side, columns: Math.ceil(width / side), rows: Math.ceil(height / side), micronsPerPixel });
  });

  it("of a level that is named is cut as it is, whether or not its pixels' size is known", () => {
    expect(tileGrid({ levels }, { tile: 100, micronsPerPixel: 0.5, level: 1 })).toMatchObject({
      level: 1,
      side: 100,
      scale: 4,
      micronsPerPixel: 1,
    });
    const unsaid = { levels: [level(400, 300, undefined)] };
    expect(tileGrid(unsaid, { tile: 100, micronsPerPixel: 0.5, level: 0 })).toMatchObject({
      columns: 4,
      rows: 3,
      micronsPerPixel: undefined,
    });
    expect(() => tileGrid(unsaid, { tile: 100, micronsPerPixel: 0.5 })).toThrow(expect.objectContaining({ code: "bad_option" }));
  });

  it("refuses what no level has, and more than a call can mean", () => {
    const refused = (choice: { tile?: number; micronsPerPixel?: number; level?: number }, code: string) =>
      expect(() => tileGrid({ levels }, { tile: 200, micronsPerPixel: 0.5, ...choice })).toThrow(expect.objectContaining({ code }));
    refused({ micronsPerPixel: 0.2 }, "bad_option");
    refused({ level: 3 }, "bad_option");
    refused({ tile: 4000, micronsPerPixel: 0.9 }, "too_large");
    refused({ tile: 1, level: 0 }, "too_large");
  });

  it("names a square of the level for each cell", () => {
    const grid = tileGrid({ levels }, { tile: 200, micronsPerPixel: 1 });
    expect(cellRegion(grid, 4, 3)).toEqual({ level: 1, x: 800, y: 600, width: 200, height: 200 });
  });
});

describe("tissue", () => {
  it("is cut from glass where the two sides of the histogram differ most", () => {
    const histogram = new Array<number>(256).fill(0);
    for (const [value, count] of [
      [3, 900],
      [5, 100],
      [90, 200],
      [110, 50],
    ] as const)
      histogram[value] = count;
    expect(otsuThreshold(histogram)).toBe(5);
    expect(otsuThreshold(new Array(256).fill(0))).toBe(0);
  });

  it("is told on a coarse level, as the share of each tile", async () => {
    // stained: the left half, and of the right half what lies above 750
    const slide = drawn((x, y) => (x < 2000 || y < 750 ? [200, 100, 170] : [240, 238, 241]));
    const grid = tileGrid(slide, { tile: 500, micronsPerPixel: 0.25 });
    const { shares, level: looked } = await tissueShares(slide, grid);
    expect(looked).toBe(2);
    expect(new Set(slide.reads)).toEqual(new Set([2]));
    expect(grid).toMatchObject({ columns: 8, rows: 6 });
    for (const [cell, share] of shares.entries()) {
      const [column, row] = [cell % 8, Math.floor(cell / 8)];
      expect(share).toBeCloseTo(column < 4 || row === 0 ? 1 : row === 1 ? 0.5 : 0, 1);
    }
  });

  it("is neither grey glass, whatever its brightness, nor what is nearly black, nor what lies past the edge", async () => {
    const shares = async (r: number, g: number, b: number) => {
      const slide = drawn(() => [r, g, b]);
      return [...new Set((await tissueShares(slide, tileGrid(slide, { tile: 1000, micronsPerPixel: 0.25 }))).shares)];
    };
    expect(await shares(250, 250, 250)).toEqual([0]);
    expect(await shares(120, 120, 120)).toEqual([0]);
    expect(await shares(3, 0, 2)).toEqual([0]);
    expect(await shares(210, 140, 180)).toEqual([1]);
    const slide = drawn(() => [210, 140, 180]);
    const wide = await tissueShares(slide, tileGrid(slide, { tile: 3000, micronsPerPixel: 0.25 }));
    expect([...wide.shares].map((share) => Math.round(share * 100))).toEqual([100, 33]);
  });

  it("is told by each tile's own pixels where no level is small enough to be looked at", async () => {
    const slide = drawn((x) => (x < 1500 ? [200, 100, 170] : [250, 250, 250]), [level(5000, 4000, 0.25)]);
    const { shares, level: looked, threshold } = await tissueShares(slide, tileGrid(slide, { tile: 1000, micronsPerPixel: 0.25 }));
    expect([looked, threshold]).toEqual([0, 20]);
    expect([...shares.slice(0, 5)]).toEqual([1, 0.5, 0, 0, 0]);
  });
});

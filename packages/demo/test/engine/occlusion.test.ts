// The map of what an answer hangs on, with an encoder and a classifier whose numbers can be reckoned by hand.

import type { Core } from "@biovlm/core";
import type { Classifier, Encoder, ModelSpec } from "@biovlm/model";
import { describe, expect, it } from "vitest";
import { type OcclusionOptions, occlusionMap } from "../../src/engine/occlusion.js";

const S = 8;
const GRID = 4;
/** Pixels a cell is wide. */
const CELL = S / GRID;

/** Black but for one white cell. */
function whiteCell(cell: number): Uint8Array {
  const rgb = new Uint8Array(S * S * 3);
  const [row, column] = [Math.floor(cell / GRID), cell % GRID];
  for (let y = row * CELL; y < (row + 1) * CELL; y++)
    for (let x = column * CELL; x < (column + 1) * CELL; x++) rgb.fill(255, (y * S + x) * 3, (y * S + x) * 3 + 3);
  return rgb;
}

/** "bright" is as probable as the brightest pixel is bright: what an embedding of one number says. */
function options(given: Partial<OcclusionOptions> = {}, batches: number[] = []): OcclusionOptions {
  const encoder = {
    capabilities: { maxBatch: 5 },
    encodeImages: (pixels: Float32Array, count: number) => {
      batches.push(count);
      const length = pixels.length / count;
      const data = Float32Array.from({ length: count }, (_, i) => Math.max(...pixels.subarray(i * length, (i + 1) * length)));
      return Promise.resolve({ data, shape: [count, 1] });
    },
  };
  const classifier = {
    pixels: {},
    classifyEmbeddings: (data: Float32Array) =>
      Array.from(data, (p) => ({ predictions: [p, 1 - p].map((probability, c) => ({ class: c === 0 ? "bright" : "dark", probability })) })),
  };
  const core = {
    normalize: (rgb: Uint8Array, _: unknown, out: Float32Array, at: number) =>
      out.set(
        Float32Array.from(rgb, (x) => x / 255),
        at,
      ),
  };
  return {
    core: core as unknown as Core,
    encoder: encoder as unknown as Encoder,
    classifier: classifier as unknown as Classifier,
    spec: { vision: { imageSize: S } } as ModelSpec,
    className: "bright",
    grid: GRID,
    signal: new AbortController().signal,
    onProgress: () => undefined,
    ...given,
  };
}

describe("the occlusion map", () => {
  it("falls where the answer hangs on a cell, by as much as the covered image says less, and nowhere else", async () => {
    for (const cell of [0, 5, GRID * GRID - 1]) {
      const map = await occlusionMap(whiteCell(cell), options());
      expect(map.probability).toBe(1);
      // the mean colour of one white cell among sixteen black ones is 255/16
      const mean = Math.round(255 / (GRID * GRID)) / 255;
      for (const [at, drop] of map.drops.entries()) expect(drop, `cell ${at}`).toBeCloseTo(at === cell ? 1 - mean : 0, 6);
    }
  });

  it("rises where covering makes the class more probable, and says of an unknown class nothing", async () => {
    const other = await occlusionMap(whiteCell(3), options({ className: "dark" }));
    expect(other.probability).toBe(0);
    expect(other.drops[3]).toBeLessThan(-0.9);
    const unknown = await occlusionMap(whiteCell(3), options({ className: "none of them" }));
    expect([unknown.probability, ...unknown.drops]).toEqual(new Array(GRID * GRID + 1).fill(0));
  });

  it("goes through all cells in batches no larger than the device takes, and tells how far it is", async () => {
    const [batches, told]: [number[], string[]] = [[], []];
    await occlusionMap(whiteCell(0), options({ onProgress: (done, total) => told.push(`${done}/${total}`) }, batches));
    expect(batches).toEqual([5, 5, 5, 2]);
    expect(told).toEqual(["5/17", "10/17", "15/17", "17/17"]);
  });

  it("leaves the image as it was and keeps the picture it was made of", async () => {
    const rgb = whiteCell(7);
    const before = rgb.slice();
    const map = await occlusionMap(rgb, options());
    expect(rgb).toEqual(before);
    expect(map).toMatchObject({ grid: GRID, picture: { size: S, rgb } });
  });

  it("covers every pixel once where the grid does not divide the side", async () => {
    const white = new Uint8Array(S * S * 3).fill(255);
    const covers: Set<number>[] = [];
    const core = {
      normalize(rgb: Uint8Array) {
        covers.push(new Set(Array.from({ length: S * S }, (_, p) => p).filter((p) => rgb[p * 3] !== 255)));
      },
    } as unknown as Core;
    // one dark corner, so that the mean colour differs from white
    white.fill(0, 0, 3);
    await occlusionMap(white, options({ core, grid: 3 }));
    const [whole = new Set(), ...cells] = covers;
    expect([...whole]).toEqual([0]);
    const painted = cells.flatMap((cell) => [...cell].filter((p) => p !== 0 || cell.size > 1));
    expect([...new Set(painted)].sort((a, b) => a - b)).toEqual(Array.from({ length: S * S }, (_, p) => p));
  });

  it("refuses a grid that is no whole number from 2 to the image's side, and stops when asked", async () => {
    for (const grid of [1, 2.5, 33, S + 1]) await expect(occlusionMap(whiteCell(0), options({ grid }))).rejects.toThrow(/^grid — expected/);
    await expect(occlusionMap(whiteCell(0), options({ signal: AbortSignal.abort(new Error("enough")) }))).rejects.toThrow("enough");
  });
});

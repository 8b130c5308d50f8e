// Examples of several pictures: their plain embedding is the mean of the pictures', a view shows one of them by the seed.

import { loadCore, type RgbImage } from "@biovlm/core";
import { memoryStore } from "@biovlm/files";
import { beforeAll, describe, expect, it } from "vitest";
import { meanFeature, sliceFeatures } from "../src/slices.js";
import { freshViews, plainFeatures, type TrainingImage, viewBank } from "../src/views.js";
import { toyEncoder, toyModel } from "./toy-model.js";

const picture = (grey: number): RgbImage => ({
  data: Uint8Array.from({ length: 12 * 12 * 3 }, (_, i) => (grey * (i + 1)) % 256),
  width: 12,
  height: 12,
});
const GREYS = [3, 50, 121, 200];

/** A series, and how often each of its pictures was asked for. */
function series(asked = new Map<number, number>()): TrainingImage {
  const at = async (index: number) => {
    asked.set(index, (asked.get(index) ?? 0) + 1);
    return picture(GREYS[index] ?? 0);
  };
  return { sha256: "a".repeat(64), pixels: () => at(2), slices: { count: GREYS.length, picture: at } };
}
const single = (grey: number): TrainingImage => ({ sha256: grey.toString(16).padStart(64, "0"), pixels: async () => picture(grey) });

async function setUp() {
  const core = await loadCore({ deterministic: true });
  const { imageSize: size } = toyModel().spec.vision;
  const pixels = { size, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } as const;
  return { core, encoder: toyEncoder(), pixels, recipe: { viewsFrom: "image" as const }, flip: true, seed: 1, cacheKey: "k" };
}

describe("an example of several pictures", () => {
  let options: Awaited<ReturnType<typeof setUp>>;
  beforeAll(async () => {
    options = await setUp();
  });

  it("has the mean of its pictures' embeddings, normalised, and is kept as one", async () => {
    const cache = memoryStore();
    const one = await plainFeatures([series(), single(7)], { ...options, cache });
    const parts = await plainFeatures(GREYS.map(single), options);
    const D = parts.length / GREYS.length;
    const sums = Array.from({ length: D }, (_, d) => GREYS.reduce((sum, _, i) => sum + (parts[i * D + d] ?? 0), 0));
    const norm = Math.hypot(...sums);
    for (const [d, sum] of sums.entries()) expect(one[d]).toBeCloseTo(sum / norm, 6);
    expect(one.subarray(D)).toEqual(await plainFeatures([single(7)], options));
    const asked = new Map<number, number>();
    expect(await plainFeatures([series(asked), single(7)], { ...options, cache })).toEqual(one);
    expect(asked.size).toBe(0);
    const rows = await sliceFeatures({ count: GREYS.length, picture: async (i) => picture(GREYS[i] ?? 0) }, options);
    expect(rows).toEqual(parts);
    expect(meanFeature(options.core, rows, GREYS.length)).toEqual(one.subarray(0, D));
  });

  it("shows one of its pictures in each view, the same ones again by the seed", async () => {
    const asked = new Map<number, number>();
    const views = await viewBank([series(asked)], { ...options, viewsPerImage: 16 });
    expect([...asked.values()].reduce((a, b) => a + b, 0)).toBe(16);
    expect(asked.size).toBeGreaterThan(1);
    const again = await viewBank([series()], { ...options, viewsPerImage: 16 });
    expect(await again.batch(3, [0])).toEqual(await views.batch(3, [0]));
    const fresh = freshViews([series()], options);
    expect(await fresh.batch(1, [0])).toEqual(await freshViews([series()], options).batch(1, [0]));
  });
});

// How often images are opened and decoded, and that what is kept changes no number.

import { loadCore, type PixelSpec } from "@biovlm/core";
import type { DatasetItem } from "@biovlm/datasets";
import { imageReader, itemSource } from "@biovlm/engine/images";
import { memoryStore } from "@biovlm/files";
import { plainFeatures } from "@biovlm/training/loop";
import { describe, expect, it } from "vitest";
import { toyDataset } from "../../training/test/toy-dataset.js";
import { toyEncoder, toyModel } from "../../training/test/toy-model.js";
import { ItemImages } from "../src/item-images.js";
import { METHODS } from "../src/methods.js";
import { sweep } from "../src/sweep.js";

/** A toy set whose items are files (of raw RGB, so that the decoder is a cut), with counts by item. */
function countedSet(name = "toys") {
  const opens = new Map<string, number>();
  const decodes = new Map<string, number>();
  const plain = toyDataset({ name });
  const items = plain.items.map(
    (item): DatasetItem => ({
      ...item,
      async open() {
        opens.set(item.id, (opens.get(item.id) ?? 0) + 1);
        const content = await item.open();
        if (content.kind !== "pixels") throw new Error("toys are raw pixels");
        return { kind: "file", bytes: content.data };
      },
    }),
  );
  const decode = async (bytes: Uint8Array) => {
    const key = Buffer.from(bytes).toString("base64");
    decodes.set(key, (decodes.get(key) ?? 0) + 1);
    return { data: bytes.slice(), width: 12, height: 12 };
  };
  return { dataset: { ...plain, items }, opens, decodes, decode };
}

const ones = (counts: ReadonlyMap<string, number>) => [...counts.values()].every((count) => count === 1);
const specs = (): [PixelSpec, PixelSpec] => [
  { size: 8, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
  { size: 8, mean: [0.1, 0.2, 0.3], std: [0.4, 0.5, 0.6] },
];

async function setUp({ keepBytes = 2 ** 28, cache = memoryStore() } = {}) {
  const context = { core: await loadCore({ deterministic: true }), encoder: toyEncoder(), model: toyModel() };
  const set = countedSet();
  const read = imageReader({ decode: set.decode, keepBytes });
  return { context, ...set, images: new ItemImages(context, { read: (item) => read(itemSource(item)), cache }), cache };
}

describe("images of a run", () => {
  it("are opened and decoded once each in a sweep over shots, seeds and methods of two normalisations, without a cache", async () => {
    const { context, dataset, opens, decodes, images } = await setUp();
    const quick = METHODS.filter((m) => ["zero-shot", "linear-probe"].includes(m.name));
    const learned = METHODS.filter((m) => m.recipe !== undefined).slice(0, 1);
    const other = METHODS.filter((m) => m.recipe !== undefined && m.recipe.normalisation !== learned[0]?.recipe?.normalisation).slice(0, 1);
    const methods = [...quick, ...[...learned, ...other].map((m) => ({ ...m, fit: quick[0]!.fit }))];
    expect(new Set(methods.map((m) => m.recipe?.normalisation ?? "model")).size).toBe(2);
    await sweep(
      context,
      { setting: "few-shot", datasets: ["toys"], shots: [2, 4], seeds: [1, 2], methods },
      { open: async () => ({ dataset }), images, views: 2, cells: memoryStore() },
    );
    expect(opens.size).toBeGreaterThan(60);
    expect(ones(opens)).toBe(true);
    expect(decodes.size).toBe(opens.size);
    expect(ones(decodes)).toBe(true);
  });

  it("are not decoded where a fast way crops them, those that it leaves are, and no number changes", async () => {
    const { context, dataset, decode, decodes, images } = await setUp();
    const [pixels, other] = specs();
    const wanted = await images.features("toys", dataset.items, pixels, { also: [other] });
    const { features: wantedOther } = await images.features("toys", dataset.items, other);
    const all = decodes.size;
    decodes.clear();
    const sizes: number[] = [];
    const crop = async (bytes: Uint8Array, size: number) => {
      sizes.push(size);
      if ((bytes[0] ?? 0) % 2 === 0) return undefined;
      return context.core.resizeCrop({ data: bytes, width: 12, height: 12 }, size);
    };
    const read = imageReader({ decode, crop });
    const fast = new ItemImages(context, { read: (item) => read(itemSource(item)) });
    expect(await fast.features("toys", dataset.items, pixels, { also: [other] })).toEqual(wanted);
    expect((await fast.features("toys", dataset.items, other)).features).toEqual(wantedOther);
    expect(sizes).toEqual(new Array(180).fill(8));
    expect(decodes.size).toBeGreaterThan(0);
    expect(decodes.size).toBeLessThan(all);
    const cut = dataset.items.slice(0, 12).map((item) => () => read(itemSource(item)));
    const plain = dataset.items.slice(0, 12).map((item) => () => imageReader({ decode })(itemSource(item)));
    const options = { ...context, pixels, cacheKey: "" };
    expect(await plainFeatures(cut, options)).toEqual(await plainFeatures(plain, options));
  });

  it("are opened and decoded once each where all of them, decoded, are far more than may be held", async () => {
    // files of 432 bytes, each decoded to as many: the chunk of 180 waits encoded, what was decoded is let go
    const { dataset, opens, decodes, images } = await setUp({ keepBytes: 180 * 432 + 1000 });
    const [pixels] = specs();
    const { n } = await images.features("toys", dataset.items, pixels);
    expect(n).toBe(180);
    expect(opens.size).toBe(180);
    expect(ones(opens)).toBe(true);
    expect(ones(decodes)).toBe(true);
  });

  it("are read again, and have the same embeddings, where next to nothing may be held", async () => {
    const [pixels] = specs();
    const one = await setUp();
    const two = await setUp({ keepBytes: 1 });
    const { features } = await one.images.features("toys", one.dataset.items, pixels);
    expect((await two.images.features("toys", two.dataset.items, pixels)).features).toEqual(features);
    expect(ones(two.decodes)).toBe(true);
    expect(Math.max(...two.opens.values())).toBe(2);
  });

  it("have the same embeddings whether computed alone, beside others, from the run's memory or from a cache", async () => {
    const [pixels, also] = specs();
    const one = await setUp();
    const items = one.dataset.items.slice(0, 40);
    const alone = await one.images.features("toys", items, pixels);
    const two = await setUp();
    expect((await two.images.features("toys", items, also, { also: [pixels] })).features).not.toEqual(alone.features);
    const before = two.decodes.size;
    expect((await two.images.features("toys", items, pixels)).features).toEqual(alone.features);
    expect(two.decodes.size).toBe(before);
    const cached = await setUp({ cache: one.cache });
    expect((await cached.images.features("toys", items, pixels)).features).toEqual(alone.features);
    expect(cached.decodes.size).toBe(0);
  });

  it("of one name in two data sets are two images", async () => {
    const { dataset, images } = await setUp();
    const [item] = dataset.items;
    const a = await images.open("a", item!);
    expect(await images.open("a", item!)).toBe(a);
    expect(await images.open("b", item!)).not.toBe(a);
  });

  it("stop with the signal's reason", async () => {
    const { dataset, images } = await setUp();
    const [pixels] = specs();
    const stop = new AbortController();
    stop.abort(new Error("enough"));
    await expect(images.features("toys", dataset.items, pixels, { signal: stop.signal })).rejects.toThrow("enough");
  });
});

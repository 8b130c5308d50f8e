import { loadCore } from "@biovlm/core";
import { imageReader, itemSource } from "@biovlm/engine/images";
import { memoryStore } from "@biovlm/files";
import { readBank } from "@biovlm/model";
import { describe, expect, it } from "vitest";
import { type LearnOptions, learnBank } from "../src/learn-bank.js";
import { RECIPES, recipeWith } from "../src/recipe.js";
import type { RunEvent } from "../src/run-log.js";
import { toyDataset } from "./toy-dataset.js";
import { toyEncoder, toyModel } from "./toy-model.js";

const read = imageReader({
  decode: async () => {
    throw new Error("toys are raw pixels");
  },
});

async function setUp(changes: Partial<LearnOptions> = {}) {
  const dataset = toyDataset();
  const items = dataset.items.filter((item) => item.split === "train").slice(0, 24);
  const context = { core: await loadCore({ deterministic: true }), encoder: toyEncoder(), model: toyModel() };
  const options: LearnOptions = {
    classes: dataset.classes,
    images: await Promise.all(items.map((item) => read(itemSource(item)))),
    labels: Int32Array.from(items, (item) => item.label),
    recipe: recipeWith(RECIPES["biovlm-golden"], { epochs: "6", batch: "8", prompts: "4", learningRate: "0.05" }),
    recipeName: "biovlm-golden",
    seed: 5,
    views: 2,
    ...changes,
  };
  return { context, options };
}

describe("learnBank", () => {
  it("lowers the loss, and the bank's file reads back with the recipe and the context vectors", async () => {
    const { context, options } = await setUp();
    const losses: number[] = [];
    const { bytes, bank, digest } = await learnBank(context, {
      ...options,
      onEvent: (e) => e.type === "epoch" && losses.push(e.loss),
    });
    expect(losses).toHaveLength(6);
    expect(losses.at(-1)!).toBeLessThan(losses[0]!);
    const read = readBank(bytes);
    expect(read.ctx!.shape).toEqual([4, 4, 12]);
    expect(read.ctx!.data).toEqual(bank.ctx!.data);
    expect(read.options).toMatchObject({ klDivisor: "B", views: 2, images: 24, teacher: "templates" });
    expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
  });

  it("R23: gives the same bytes for the same seed and other bytes for another", async () => {
    const { context, options } = await setUp();
    const first = await learnBank(context, options);
    const again = await learnBank(context, options);
    const other = await learnBank(context, { ...options, seed: 6 });
    expect(again.bytes).toEqual(first.bytes);
    expect(other.bytes).not.toEqual(first.bytes);
  });

  it.each([2, "fresh"] as const)("stopped at any step and resumed, ends in the bytes of an undisturbed run (views %s)", async (views) => {
    const { context, options } = await setUp({ views });
    const undisturbed = await learnBank(context, options);
    for (const stopAfter of [1, 4, 9, 17]) {
      const checkpoints = memoryStore();
      const stop = new AbortController();
      let steps = 0;
      const stopped = learnBank(context, {
        ...options,
        checkpoints,
        signal: stop.signal,
        onStep: () => ++steps === stopAfter && stop.abort(),
      });
      await expect(stopped).rejects.toThrow();
      const resumed = await learnBank(context, { ...options, checkpoints });
      expect(resumed.run.resumedFrom).toBe(Math.floor(stopAfter / 3));
      expect(resumed.bytes).toEqual(undisturbed.bytes);
    }
  });

  it("keeps views by content: a second run embeds nothing, a damaged entry is embedded again", async () => {
    const { context, options } = await setUp();
    let calls = 0;
    const encoder = {
      ...context.encoder,
      encodeImages: (p: Float32Array, b: number) => {
        calls++;
        return context.encoder.encodeImages(p, b);
      },
    };
    const cache = memoryStore();
    const first = await learnBank({ ...context, encoder }, { ...options, cache });
    expect(calls).toBe(24);
    await learnBank({ ...context, encoder }, { ...options, cache });
    expect(calls).toBe(24);
    const key = (await cache.list("views"))[3]!;
    const entry = (await cache.get(key))!;
    entry[40]! ^= 1;
    await cache.put(key, entry);
    const mended = await learnBank({ ...context, encoder }, { ...options, cache });
    expect(calls).toBe(25);
    expect(mended.bytes).toEqual(first.bytes);
  });

  it("says in its log that templates form the teacher where no attributes are given, and not where they are", async () => {
    const events: RunEvent[] = [];
    const { context, options } = await setUp({ onEvent: (e) => events.push(e) });
    await learnBank(context, options);
    expect(events.find((e) => e.type === "note")).toMatchObject({ text: expect.stringContaining("10 template sentences") });
    events.length = 0;
    await learnBank(context, { ...options, attributes: options.classes.map((c) => [`a ${c} thing`, `something ${c}`]) });
    expect(events.some((e) => e.type === "note")).toBe(false);
    expect(events.at(-1)).toMatchObject({ type: "end" });
  });

  it("refuses a state of another run, a label outside the classes, no images, and an encoder without gradients", async () => {
    const { context, options } = await setUp();
    const checkpoints = memoryStore();
    await learnBank(context, { ...options, checkpoints });
    const [key] = await checkpoints.list("checkpoint");
    const state = (await checkpoints.get(key!))!;
    state[state.length - 40]! ^= 1;
    await checkpoints.put(key!, state);
    await expect(learnBank(context, { ...options, checkpoints })).rejects.toMatchObject({ code: "checkpoint_corrupt" });
    await expect(learnBank(context, { ...options, labels: options.labels.map(() => 3) })).rejects.toMatchObject({ code: "bad_option" });
    await expect(learnBank(context, { ...options, images: [], labels: new Int32Array(0) })).rejects.toMatchObject({ code: "empty_split" });
    const { encodePromptsBackward: _, ...plain } = context.encoder;
    const encoder = { ...plain, capabilities: { ...plain.capabilities, gradients: false } };
    await expect(learnBank({ ...context, encoder }, options)).rejects.toMatchObject({ code: "no_gradients" });
  });
});

describe("recipeWith", () => {
  it("changes options by name and refuses unknown names and values that are none", () => {
    const changed = recipeWith(RECIPES.released, { klDivisor: "B", entropyGradient: "true", "weights.cos": "0", rho: "1" });
    expect(changed).toMatchObject({ klDivisor: "B", entropyGradient: true, rho: 1, embedding: "released" });
    expect(changed.weights.cos).toBe(0);
    for (const [name, value] of [
      ["klDivsor", "B"],
      ["klDivisor", "C"],
      ["rho", "0"],
      ["rho", "1.5"],
      ["epochs", "2.5"],
      ["epochs", "NaN"],
      ["learningRate", "0"],
      ["weights.ce", "-1"],
      ["entropyGradient", "yes"],
      ["__proto__", "1"],
    ]) {
      expect(() => recipeWith(RECIPES.biovlm, { [name!]: value! }), `${name}=${value}`).toThrow(/recipe option/);
    }
  });
});

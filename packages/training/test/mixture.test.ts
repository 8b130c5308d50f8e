// The recipe "mixture": learned end to end on toys, the same bytes whatever is cached or stopped, and its parts as the formula says.

import { loadCore } from "@biovlm/core";
import { imageReader, itemSource } from "@biovlm/engine/images";
import { memoryStore } from "@biovlm/files";
import { readBank } from "@biovlm/model";
import { describe, expect, it } from "vitest";
import { contextWords } from "../src/context-words.js";
import { fitGaussianExpert } from "../src/expert/gaussian-expert.js";
import { type LearnOptions, learnBank } from "../src/learn-bank.js";
import { fitMixture, promptRecipe } from "../src/mixture.js";
import { RECIPES, recipeWith } from "../src/recipe.js";
import { initialContext } from "../src/train.js";
import { plainViews } from "../src/views.js";
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
  let encoded = 0;
  const toy = toyEncoder();
  const encoder: typeof toy = {
    ...toy,
    encodeImages: (pixels, n, options) => {
      encoded += n;
      return toy.encodeImages(pixels, n, options);
    },
  };
  const context = { core: await loadCore({ deterministic: true }), encoder, model: toyModel() };
  const options: LearnOptions = {
    classes: dataset.classes,
    images: await Promise.all(items.map((item) => read(itemSource(item)))),
    labels: Int32Array.from(items, (item) => item.label),
    recipe: recipeWith(RECIPES.mixture, { epochs: "4", batch: "8", prompts: "3" }),
    recipeName: "mixture",
    seed: 5,
    views: "plain",
    ...changes,
  };
  return { context, options, encodedImages: () => encoded };
}

describe("the recipe mixture", () => {
  it("gives a bank whose parts are in its file, and encodes each picture once", async () => {
    const { context, options, encodedImages } = await setUp();
    const { bytes, bank } = await learnBank(context, options);
    expect(encodedImages()).toBe(24);
    const { mixture } = readBank(bytes);
    expect(mixture).toEqual(bank.mixture);
    expect(mixture?.ctx.shape).toEqual([1, options.recipe.contextTokens, bank.ctx?.shape[2]]);
    const shots = 24 / options.classes.length;
    expect(mixture?.v).toBeCloseTo(shots / (shots + 12), 12);
    expect(mixture?.untrained?.share).toBeCloseTo(8 / (shots + 8), 12);
    expect(mixture?.untrained?.text.shape.slice(1)).toEqual([options.classes.length, context.model.spec.embedDim]);
  });

  it("R23: gives the same bytes again, from a cache without another encode, and after a stop", async () => {
    const { context, options, encodedImages } = await setUp();
    const cache = memoryStore();
    const first = await learnBank(context, { ...options, cache });
    const encoded = encodedImages();
    expect((await learnBank(context, { ...options, cache })).bytes).toEqual(first.bytes);
    expect(encodedImages()).toBe(encoded);
    for (const stopAfter of [2, 7, 12]) {
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
      expect((await learnBank(context, { ...options, checkpoints })).bytes).toEqual(first.bytes);
    }
    expect((await learnBank(context, { ...options, seed: 6 })).bytes).not.toEqual(first.bytes);
  });

  it("without the mixture is the recipe biovlm on plain views, byte for byte but for its name", async () => {
    const { context, options } = await setUp();
    const { mixture: _off, ...recipe } = options.recipe;
    const { bank } = await learnBank(context, options);
    const alone = await learnBank(context, { ...options, recipe });
    expect(alone.bank.mixture).toBeUndefined();
    expect(alone.bank.ctx).toEqual(bank.ctx);
  });

  it("holds the temperature of its shots, and without it is the same bank but for that", async () => {
    const { context, options } = await setUp();
    const { bank } = await learnBank(context, options);
    const bare = await learnBank(context, { ...options, recipe: recipeWith(options.recipe, { temperature: "none" }) });
    const { temperature, ...rest } = bank.mixture!;
    expect(temperature).toBeGreaterThan(0);
    expect(bare.bank.mixture).toEqual(rest);
    expect(bare.bank.ctx).toEqual(bank.ctx);
  });

  it("leaves the sentences out of the answer of a recipe that does not name them, and counts its prompt as that recipe did", async () => {
    const { context, options } = await setUp();
    const { promptShots: _p, sentenceShots: _s, sentenceLabels: _l, temperatureShots: _t, ...before } = options.recipe;
    const { bank } = await learnBank(context, { ...options, recipe: before });
    expect(bank.mixture).not.toHaveProperty("untrained");
    const shots = 24 / options.classes.length;
    expect(bank.mixture?.v).toBeCloseTo(shots / (shots + 16), 12);
  });

  it("leaves the expert out where one shot a class has nothing to fold", async () => {
    const { context, options } = await setUp();
    const firsts = options.classes.map((_, c) => options.labels.indexOf(c));
    const { bank } = await learnBank(context, {
      ...options,
      images: firsts.map((i) => options.images[i] ?? (() => Promise.reject(new Error("no image")))),
      labels: Int32Array.from(firsts, (i) => options.labels[i] ?? 0),
    });
    expect(bank.mixture).toMatchObject({ a: 1, w: 0, v: 1 / 13, untrained: { share: 8 / 9 } });
    expect(bank.mixture).not.toHaveProperty("temperature");
    expect(bank.mixture?.expertW.every((x) => x === 0)).toBe(true);
  });
});

describe("context vectors that start from words", () => {
  it("start about the last words of sentence n, of class n mod C, or of each class its own", () => {
    const model = toyModel();
    const sentences = [
      ["a dark red thing.", "warm"],
      ["a bright green thing", "cold as ice"],
    ];
    const ids = (text: string) => model.tokenizer.encode(text).slice(1, -1);
    const recipe = { ...RECIPES.mixture, prompts: 3, contextTokens: 2 };
    const words = (texts: readonly string[]) => model.graphs.wordVectors(texts.flatMap(ids));
    expect(contextWords(model, sentences, recipe)).toEqual(words(["red thing", "as ice", "red thing"]));
    expect(contextWords(model, sentences, { ...recipe, classContext: true })).toEqual(
      words(["red thing", "green thing", "warm warm", "as ice", "red thing", "green thing"]),
    );
    const around = initialContext(recipe, 1, 2, Float32Array.of(5, -5));
    expect(around.every((x, i) => Math.abs(x - [5, -5][i]!) < 0.02 && x !== [5, -5][i])).toBe(true);
  });

  it("make another bank, and the same one again", async () => {
    const { context, options } = await setUp();
    const recipe = recipeWith(options.recipe, { contextStart: "attributes" });
    const [first, again, plain] = [
      await learnBank(context, { ...options, recipe }),
      await learnBank(context, { ...options, recipe }),
      await learnBank(context, options),
    ];
    expect(again.bytes).toEqual(first.bytes);
    expect(first.bank.ctx).not.toEqual(plain.bank.ctx);
    expect(first.bank.options["contextStart"]).toBe("attributes");
    expect(plain.bank.options).not.toHaveProperty("contextStart");
  });

  it("of a class's own are refused for a bank's file, which serves any class", async () => {
    const { context, options } = await setUp();
    const recipe = recipeWith(options.recipe, { classContext: "true" });
    await expect(learnBank(context, { ...options, recipe })).rejects.toMatchObject({ code: "bad_option" });
  });
});

describe("fitMixture", () => {
  it("fits the expert on all shots", async () => {
    const { context, options } = await setUp();
    const { bank } = await learnBank(context, options);
    const D = context.model.spec.embedDim;
    const C = options.classes.length;
    const features = Float32Array.from({ length: 24 * D }, (_, i) => Math.sin(i * 1.3));
    const normal = context.core.l2Normalize(features, 24, D);
    const attributes = context.core.l2Normalize(
      Float32Array.from({ length: 2 * C * D }, (_, i) => Math.cos(i)),
      2 * C,
      D,
    );
    const fitted = fitMixture({
      core: context.core,
      features: normal,
      labels: options.labels,
      attributes,
      C,
      D,
      scale: 10,
      rho: 0.5,
      described: true,
      seed: 1,
      ctx: new Float32Array(4 * 12),
      contextTokens: 4,
    });
    const expert = fitGaussianExpert({ features: normal, labels: options.labels, C, D });
    expect([fitted.expertW, fitted.expertB]).toEqual([expert.W, expert.b]);
    expect(bank.mixture?.expertB.length).toBe(C);
  });

  it("learns its one prompt by cross-entropy alone", () => {
    const { weights, prompts, rho } = promptRecipe(RECIPES.mixture);
    expect([prompts, rho, weights.ce, Object.values(weights).reduce((a, b) => a + b, 0)]).toEqual([1, 1, 1, 1]);
  });
});

describe("plainViews", () => {
  it("gives the picture's own embedding in place of all three views, in the order asked for", async () => {
    const views = plainViews(Float32Array.of(1, 2, 3, 4, 5, 6), 3);
    const { student, strong, weak } = await views.batch(9, [2, 0]);
    expect([Array.from(student), Array.from(strong), Array.from(weak)]).toEqual([
      [5, 6, 1, 2],
      [5, 6, 1, 2],
      [5, 6, 1, 2],
    ]);
  });
});

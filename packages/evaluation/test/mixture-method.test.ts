// The mixture as a method of the harness: whole whatever its options, and its temperature one number that changes no answer.

import { loadCore } from "@biovlm/core";
import { seeded } from "@biovlm/testkit";
import { RECIPES } from "@biovlm/training";
import { describe, expect, it } from "vitest";
import type { ClassSet } from "../src/class-set.js";
import { type Method, type MethodInput, methodNamed, recipeMethod } from "../src/methods.js";

const core = await loadCore({ deterministic: true });
const [C, D] = [3, 16];
const random = seeded(21);
const unit = (rows: number) =>
  core.l2Normalize(
    Float32Array.from({ length: rows * D }, () => random.next() - 0.5),
    rows,
    D,
  );
const texts = { single: unit(C), templates: unit(2 * C), attributes: unit(10 * C) };
const prompts = new Map([
  [10, unit(10 * C)],
  [1, unit(C)],
]);
const on: ClassSet = {
  classes: ["a", "b", "c"],
  C,
  described: true,
  texts,
  sentences: [["a"], ["b"], ["c"]],
  promptTexts: async (_, recipe) => prompts.get(recipe.prompts) ?? unit(recipe.prompts * C),
};

/** Scores of a method for 40 embeddings, after learning from `shots` of each class. */
async function scores(method: Method, shots: number, features: Float32Array): Promise<Float32Array> {
  const n = shots * C;
  const input: MethodInput = {
    ...{ core, D, scale: 20, seed: 1, on },
    train: { features: features.subarray(0, n * D), labels: Int32Array.from({ length: n }, (_, i) => i % C), n },
    validation: { features: new Float32Array(0), labels: new Int32Array(0), n: 0 },
    learn: async () => new Float32Array(4),
  };
  const fitted = await method.fit(input);
  return (await fitted.on(on)).logits(features, 40);
}

const mixture = methodNamed("mixture")!;
const bare = recipeMethod("bare", "", { ...RECIPES.mixture, temperature: "none" });

describe("a recipe with changed options as a method", () => {
  it("keeps the mixture that the recipe has, and leaves it out where the recipe does", async () => {
    const features = unit(40);
    const whole = await scores(mixture, 6, features);
    expect(await scores(recipeMethod("mixture once more", "", RECIPES.mixture), 6, features)).toEqual(whole);
    expect(await scores(recipeMethod("prompts alone", "", { ...RECIPES.mixture, mixture: false }), 6, features)).not.toEqual(whole);
  });
});

describe("the mixture's temperature", () => {
  it("divides every score by one number above 0", async () => {
    const features = unit(40);
    const [plain, divided] = [await scores(bare, 6, features), await scores(mixture, 6, features)];
    const ratio = plain[0]! / divided[0]!;
    expect(ratio).toBeGreaterThan(0);
    expect(ratio).not.toBeCloseTo(1, 3);
    for (const [i, z] of divided.entries()) expect(z * ratio).toBeCloseTo(plain[i]!, 2);
  });

  it("is 1 where a class has one shot", async () => {
    const features = unit(40);
    expect(await scores(mixture, 1, features)).toEqual(await scores(bare, 1, features));
  });
});

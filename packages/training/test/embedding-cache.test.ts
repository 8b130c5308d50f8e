// What a damaged, swapped or failing cache does to a run: nothing but time. Never another number.

import { loadCore } from "@biovlm/core";
import { imageReader, itemSource } from "@biovlm/engine/images";
import { memoryStore } from "@biovlm/files";
import { cases, mutations, seeded } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { expendable, readFloats, writeFloats } from "../src/embedding-cache.js";
import { learnBank } from "../src/learn-bank.js";
import { RECIPES, recipeWith } from "../src/recipe.js";
import { toyDataset } from "./toy-dataset.js";
import { toyEncoder, toyModel } from "./toy-model.js";

const numbers = Float32Array.from({ length: 64 }, (_, i) => Math.sin(i));

describe("cached numbers", () => {
  it("come back bit for bit, and not at all when any byte differs", async () => {
    const store = memoryStore();
    await writeFloats(store, "a", numbers);
    expect(await readFloats(store, "a")).toEqual(numbers);
    const sound = (await store.get("a"))!;
    let refused = 0;
    for (const damaged of mutations(5, sound, cases(1000))) {
      await store.put("a", damaged);
      const got = await readFloats(store, "a");
      if (Buffer.compare(damaged, sound) === 0) expect(got).toEqual(numbers);
      else {
        expect(got).toBeUndefined();
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(cases(1000) / 2);
  });

  it("of one key are not those of another, also in a store that mixes them up", async () => {
    const store = memoryStore();
    await writeFloats(store, "a", numbers);
    await store.put("b", (await store.get("a"))!);
    expect(await readFloats(store, "b")).toBeUndefined();
  });

  it("are done without where the store fails, and the first failure is told", async () => {
    const failures: unknown[] = [];
    const fail = () => Promise.reject(new Error("no room"));
    const store = expendable({ get: fail, put: fail }, (error) => failures.push(error));
    await writeFloats(store, "a", numbers);
    expect(await readFloats(store, "a")).toBeUndefined();
    expect(failures).toEqual([new Error("no room")]);
  });
});

const read = imageReader({ decode: () => Promise.reject(new Error("toys are raw pixels")) });

describe("a run on a faulty store (R9)", () => {
  it("ends in the same bank bytes whatever happens to entries and states, or says which state is damaged", {
    timeout: 600_000,
  }, async () => {
    const dataset = toyDataset();
    const items = dataset.items.filter((item) => item.split === "train").slice(0, 12);
    const context = { core: await loadCore({ deterministic: true }), encoder: toyEncoder(), model: toyModel() };
    const options = {
      classes: dataset.classes,
      images: items.map((item) => () => read(itemSource(item))),
      labels: Int32Array.from(items, (item) => item.label),
      recipe: recipeWith(RECIPES["biovlm-golden"], { epochs: "4", batch: "4", prompts: "3", learningRate: "0.05" }),
      recipeName: "biovlm-golden",
      seed: 5,
      views: 2,
    };
    const wanted = (await learnBank(context, options)).bytes;
    const random = seeded(11);
    let [same, refused] = [0, 0];
    for (let i = 0; i < cases(200); i++) {
      const store = memoryStore();
      const stop = new AbortController();
      let steps = 0;
      const stopAfter = 1 + random.below(12);
      const onStep = () => ++steps === stopAfter && stop.abort();
      await learnBank(context, { ...options, cache: store, checkpoints: store, signal: stop.signal, onStep }).catch(() => {});
      const keys = await store.list("");
      for (let n = 1 + random.below(3); n > 0; n--) {
        const [one, other] = [random.pick(keys), random.pick(keys)];
        const bytes = (await store.get(one))!;
        const damage = random.below(4);
        if (damage === 0) await store.put(one, (await store.get(other))!);
        else if (damage === 1) await store.put(one, new Uint8Array(bytes.length));
        else if (damage === 2) await store.put(one, [...mutations(random.below(1e6), bytes, 1)][0]!);
        else await store.put(one, bytes.slice(0, random.below(bytes.length)));
      }
      try {
        const { bytes } = await learnBank(context, { ...options, cache: store, checkpoints: store });
        expect(Buffer.compare(bytes, wanted)).toBe(0);
        same++;
      } catch (error) {
        expect(error).toMatchObject({ code: "checkpoint_corrupt" });
        refused++;
      }
    }
    expect(same).toBeGreaterThan(0);
    expect(refused).toBeGreaterThan(0);
  });
});

import { loadCore } from "@biovlm/core";
import { imageReader, itemSource } from "@biovlm/engine/images";
import { memoryStore } from "@biovlm/files";
import { RECIPES } from "@biovlm/training";
import { describe, expect, it } from "vitest";
import { toyDataset } from "../../training/test/toy-dataset.js";
import { toyEncoder, toyModel } from "../../training/test/toy-model.js";
import { baseToNewTask, crossDatasetTask, fewShotTask } from "../src/few-shot-task.js";
import { ItemImages } from "../src/item-images.js";
import { METHODS, promptMethod, recipeMethod } from "../src/methods.js";
import { markdownReport } from "../src/report.js";
import { type SweepOptions, type SweepPlan, sweep } from "../src/sweep.js";

const read = imageReader({
  decode: async () => {
    throw new Error("toys are raw pixels");
  },
});
const quick = { ...RECIPES["biovlm-golden"], epochs: 3, batch: 8, prompts: 3, learningRate: 0.05 };

describe("tasks", () => {
  it("draws the shots from train, validation from val, and tests on the whole test split", () => {
    const task = fewShotTask({ dataset: toyDataset() }, { shots: 8, seed: 1 });
    expect(task.learn.items).toHaveLength(24);
    expect(task.learn.items.every((item) => item.split === "train")).toBe(true);
    expect(task.validation).toHaveLength(12);
    expect(task.validation.every((item) => item.split === "val")).toBe(true);
    expect(task.tests[0]!.side.items).toHaveLength(60);
  });

  it("keeps away from the even half of train, and from two images of one group", () => {
    const odd = fewShotTask({ dataset: toyDataset(), parity: "odd" }, { shots: 8, seed: 1 });
    expect(odd.learn.items.every((item) => item.index % 2 === 1)).toBe(true);
    const grouped = fewShotTask({ dataset: toyDataset({ groups: true }) }, { shots: 8, seed: 1 });
    expect(new Set(grouped.learn.items.map((item) => item.group)).size).toBe(24);
  });

  it("settles options without the test split: tested on validation, inner validation from training images not drawn", () => {
    const task = fewShotTask({ dataset: toyDataset() }, { shots: 8, seed: 1, testOn: "val" });
    expect(task.tests[0]!.side.items.every((item) => item.split === "val")).toBe(true);
    const drawn = new Set(task.learn.items.map((item) => item.id));
    expect(task.validation.every((item) => item.split === "train" && !drawn.has(item.id))).toBe(true);
  });

  it("splits a set without official splits by group, the same way each time", () => {
    const once = fewShotTask({ dataset: toyDataset({ splits: false, groups: true }) }, { shots: 4, seed: 1 });
    const again = fewShotTask({ dataset: toyDataset({ splits: false, groups: true }) }, { shots: 4, seed: 1 });
    const groups = (items: typeof once.learn.items) => new Set(items.map((i) => i.group));
    expect(once.tests[0]!.side.items.map((i) => i.id)).toEqual(again.tests[0]!.side.items.map((i) => i.id));
    for (const g of groups(once.learn.items)) expect(groups(once.tests[0]!.side.items).has(g)).toBe(false);
  });

  it("learns on the first half of the classes and names those with one class on a side", () => {
    const task = baseToNewTask({ dataset: toyDataset({ classes: ["a", "b", "c", "d", "e"] }) }, { shots: 2, seed: 1 });
    expect(task.learn.classes).toEqual(["a", "b", "c"]);
    expect(task.tests.map((t) => t.side.classes)).toEqual([
      ["a", "b", "c"],
      ["d", "e"],
    ]);
    expect(task.tests[1]!.side.items.every((item) => item.label < 2)).toBe(true);
    expect(task.caveat).toBeUndefined();
    expect(baseToNewTask({ dataset: toyDataset({ classes: ["a", "b"] }) }, { shots: 2, seed: 1 }).caveat).toMatch(/one class/);
  });

  it("refuses to learn from the images it is tested on", () => {
    const [busi, breast] = [{ dataset: toyDataset({ name: "busi" }) }, { dataset: toyDataset({ name: "breastmnist" }) }];
    expect(() => crossDatasetTask(busi, breast, { shots: 1, seed: 1 })).toThrow(expect.objectContaining({ code: "refused_pair" }));
    expect(() => crossDatasetTask(busi, busi, { shots: 1, seed: 1 })).toThrow(expect.objectContaining({ code: "refused_pair" }));
  });
});

describe("sweep", () => {
  const methods = [...METHODS.filter((m) => m.recipe === undefined), promptMethod("quick", "three epochs", quick, "attributes")];
  const plan: SweepPlan = { setting: "few-shot", datasets: ["toys"], shots: [2, 4], seeds: [1, 2], methods };
  const setUp = async (changes: Partial<Pick<SweepOptions, "signal" | "onCell">> = {}) => {
    const context = { core: await loadCore({ deterministic: true }), encoder: toyEncoder(), model: toyModel() };
    const cache = memoryStore();
    return {
      context,
      options: {
        open: async (name: string) => ({ dataset: toyDataset({ name }) }),
        images: new ItemImages(context, { read: (item) => read(itemSource(item)), cache }),
        views: 2,
        cells: memoryStore(),
        cache,
        ...changes,
      },
    };
  };

  it("gives one cell for each data set, shots, seed and method, with better than chance where colours tell the classes", async () => {
    const { context, options } = await setUp();
    const cells = await sweep(context, plan, options);
    expect(cells).toHaveLength(2 * 2 * methods.length);
    const probe = cells.filter((c) => c.method === "linear-probe" && c.shots === 4);
    expect(Math.min(...probe.map((c) => c.test!.accuracy))).toBeGreaterThan(0.6);
    for (const cell of cells) expect(cell.test!.correct).toMatch(/^[01]{60}$/);
    expect(markdownReport(cells, "quick")).toContain("| quick |");
  });

  it("stopped anywhere, it goes on where it was and ends with the same cells", async () => {
    const whole = await setUp();
    const undisturbed = await sweep(whole.context, plan, whole.options);
    const { context, options } = await setUp();
    const stop = new AbortController();
    let ended = 0;
    const stopped = sweep(context, plan, { ...options, signal: stop.signal, onCell: () => ++ended === 11 && stop.abort() });
    await expect(stopped).rejects.toThrow();
    let resumed = 0;
    const cells = await sweep(context, plan, { ...options, onCell: (_, place) => place.resumed && resumed++ });
    expect(resumed).toBe(11);
    const figures = (list: typeof cells) => list.map(({ seconds: _, ...rest }) => rest);
    expect(figures(cells)).toEqual(figures(undisturbed));
  });

  it("refuses two data sets of one name before anything runs: their rows would be one", async () => {
    let cells = 0;
    const { context, options } = await setUp({ onCell: () => cells++ });
    const open = async () => ({ dataset: toyDataset({ name: "labels" }) });
    await expect(sweep(context, { ...plan, datasets: ["a/labels.csv", "b/labels.csv"] }, { ...options, open })).rejects.toThrow(
      expect.objectContaining({
        code: "bad_option",
        message:
          'data sets a/labels.csv and b/labels.csv — expected names of their own, got "labels" for both. Rename one of the folders or lists.',
      }),
    );
    expect(cells).toBe(0);
  });

  it("learns contexts of each class's own, which say something else", async () => {
    const { context, options } = await setUp();
    const shared = { ...RECIPES.mixture, epochs: 3, batch: 8, prompts: 3 };
    const own = [recipeMethod("shared", "", shared), recipeMethod("own", "", { ...shared, classContext: true })];
    // with sentences: names that say nothing would leave the answer to the expert alone
    const classes = ["red", "green", "blue"].map((name, id) => ({ id, name, attributes: [name] }));
    const attributes = { dataset: "toys", modality: "toy", template: "a {attribute} thing", classes };
    const open = async () => ({ dataset: toyDataset({ name: "toys", classes: ["red", "green", "blue"] }), attributes });
    const cells = await sweep(context, { ...plan, shots: [4], seeds: [1], methods: own }, { ...options, open, views: "plain" });
    const [first, second] = cells.map((cell) => cell.test!.calibration.brier);
    expect(second).not.toBe(first);
    expect(second).toBeLessThan(1);
  });

  it("leaves methods out that cannot name unseen classes, and reports refused pairs", async () => {
    const { context, options } = await setUp();
    const refused: string[] = [];
    const cells = await sweep(
      context,
      { ...plan, setting: "cross-dataset", datasets: ["busi", "breastmnist", "toys"], shots: [2], seeds: [1] },
      { ...options, onRefused: (reason) => refused.push(reason) },
    );
    expect(refused).toHaveLength(2);
    expect(cells.some((c) => c.method === "linear-probe")).toBe(false);
    expect(new Set(cells.map((c) => `${c.source}→${c.dataset}`)).size).toBe(4);
  });

  it("refuses classes that the text tower cannot tell apart, also for methods that learn no prompt", async () => {
    const { context, options } = await setUp();
    const zeroShot = { ...plan, shots: [2], seeds: [1], methods: METHODS.filter(({ name }) => name === "zero-shot") };
    const alike = async () => ({ dataset: toyDataset({ name: "toys", classes: ["red", "Green", "green"] }) });
    await expect(sweep(context, zeroShot, { ...options, open: alike })).rejects.toMatchObject({ code: "bad_classes" });
    const classes = ["red", "green", "blue"].map((name, id) => ({ id, name, attributes: [name === "red" ? "warm" : "cold"] }));
    const attributes = { dataset: "toys", modality: "toy", template: "a {attribute} thing", classes };
    const shared = async () => ({ dataset: toyDataset({ name: "toys", classes: ["red", "green", "blue"] }), attributes });
    await expect(sweep(context, zeroShot, { ...options, open: shared })).rejects.toMatchObject({ code: "bad_classes" });
  });

  it("computes a cell again when other contents stand under the same ids", async () => {
    const { context, options } = await setUp();
    const small = { ...plan, shots: [2], seeds: [1], methods: methods.slice(0, 1) };
    const resumed: boolean[] = [];
    for (const digest of ["a", "a", "b"]) {
      const open = async (name: string) => ({ dataset: toyDataset({ name }), digest });
      await sweep(context, small, { ...options, open, onCell: (_cell, place) => resumed.push(place.resumed) });
    }
    expect(resumed).toEqual([false, true, false]);
  });

  it("computes a cell again when its bytes are not a cell", async () => {
    const { context, options } = await setUp();
    const small = { ...plan, shots: [2], seeds: [1] };
    const first = await sweep(context, small, options);
    const [key] = await options.cells.list("cells");
    await options.cells.put(key!, new TextEncoder().encode('{"format":"biovlm-ce'));
    let computed = 0;
    const again = await sweep(context, small, { ...options, onCell: (_, place) => !place.resumed && computed++ });
    expect(computed).toBe(1);
    expect(again.map((c) => c.test!.accuracy)).toEqual(first.map((c) => c.test!.accuracy));
  });
});

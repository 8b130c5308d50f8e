// Which images a task learns from, chooses on and is tested on: never the same one twice, by seed, whole groups on one side.

import type { Dataset, DatasetItem, SplitName } from "@biovlm/datasets";
import { cases, seeded } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { baseToNewTask, crossDatasetTask, fewShotTask, type Task, type TaskSource } from "../src/few-shot-task.js";

interface Shape {
  readonly classes: number;
  readonly perClass: number;
  /** images of a group; none where absent */
  readonly groupOf?: number;
  readonly official: boolean;
  readonly name?: string;
}

/** A data set of nothing but labels. Official splits take 60 %, 20 %, 20 % of every class. */
function source({ classes, perClass, groupOf, official, name = "toy" }: Shape): TaskSource {
  const counts: Partial<Record<SplitName | "all", number>> = {};
  const items: DatasetItem[] = [];
  for (let label = 0; label < classes; label++) {
    for (let i = 0; i < perClass; i++) {
      const split: SplitName = i < perClass * 0.6 ? "train" : i < perClass * 0.8 ? "val" : "test";
      const key = official ? split : "all";
      const index = counts[key] ?? 0;
      counts[key] = index + 1;
      items.push({
        id: `${label}/${i}`,
        label,
        index,
        ...(official ? { split } : {}),
        ...(groupOf === undefined ? {} : { group: `${label}-${Math.floor(i / groupOf)}` }),
        open: () => Promise.reject(new Error("a task opens nothing")),
      });
    }
  }
  const dataset: Dataset = { name, classes: Array.from({ length: classes }, (_, c) => `class ${c}`), sided: false, items };
  return { dataset };
}

const idsOf = (items: readonly DatasetItem[]) => items.map((item) => item.id);
const groupsOf = (items: readonly DatasetItem[]) => new Set(items.map((item) => item.group ?? item.id));
const sidesOf = (task: Task) => [task.learn.items, task.validation, ...task.tests.map(({ side }) => side.items)];

function expectApart(task: Task): void {
  const sides = sidesOf(task).map(groupsOf);
  for (const [i, a] of sides.entries()) for (const b of sides.slice(i + 1)) for (const group of a) expect(b.has(group)).toBe(false);
}

describe("a few-shot task", () => {
  it("takes its shots of each class in label order, and keeps learning, choosing and testing apart, over random sets", () => {
    const random = seeded(1);
    for (let i = 0; i < cases(300); i++) {
      const shape = {
        classes: 2 + random.below(4),
        perClass: 20 + random.below(40),
        official: random.below(2) === 0,
        ...(random.below(2) === 0 ? {} : { groupOf: 1 + random.below(3) }),
      };
      const from = source(shape);
      const shots = random.pick([1, 2, 4, 8]);
      const testOn = random.pick(["test", "val"] as const);
      // groups of official splits may straddle them: that is the publisher's, not ours
      if (shape.official && shape.groupOf !== undefined) continue;
      const task = fewShotTask(from, { shots, seed: i, testOn });
      const labels = task.learn.items.map((item) => item.label);
      expect(labels).toEqual([...labels].sort((a, b) => a - b));
      expect(labels.filter((label) => label === 0).length).toBeLessThanOrEqual(shots);
      expectApart(task);
      expect(task.tests.map(({ name }) => name)).toEqual(["test"]);
      expect(idsOf(fewShotTask(from, { shots, seed: i, testOn }).learn.items)).toEqual(idsOf(task.learn.items));
    }
  });

  it("draws other images for another seed, and the same test images for every seed", () => {
    const from = source({ classes: 3, perClass: 50, official: true });
    const [a, b] = [1, 2].map((seed) => fewShotTask(from, { shots: 4, seed })) as [Task, Task];
    expect(idsOf(a.learn.items)).not.toEqual(idsOf(b.learn.items));
    expect(a.tests.map(({ side }) => idsOf(side.items))).toEqual(b.tests.map(({ side }) => idsOf(side.items)));
  });

  it("chooses on min(shots, 4) images a class, and on none where validation lacks a class", () => {
    const from = source({ classes: 2, perClass: 50, official: true });
    expect(fewShotTask(from, { shots: 16, seed: 1 }).validation).toHaveLength(8);
    expect(fewShotTask(from, { shots: 2, seed: 1 }).validation).toHaveLength(4);
    const lacking = {
      ...from,
      dataset: { ...from.dataset, items: from.dataset.items.filter((item) => item.split !== "val" || item.label === 0) },
    };
    expect(fewShotTask(lacking, { shots: 4, seed: 1 }).validation).toEqual([]);
  });

  it("never looks at the test split while a recipe is settled", () => {
    const from = source({ classes: 3, perClass: 50, official: true });
    const task = fewShotTask(from, { shots: 4, seed: 1, testOn: "val" });
    for (const items of sidesOf(task)) for (const item of items) expect(item.split).not.toBe("test");
    expect(task.validation.every((item) => item.split === "train")).toBe(true);
    expectApart(task);
  });

  it("settles a recipe on the rest of train and on val: all but what is drawn, its groups and its twins, over random sets", () => {
    const random = seeded(2);
    for (let i = 0; i < cases(100); i++) {
      const plain = source({ classes: 2 + random.below(3), perClass: 30 + random.below(30), official: true });
      const grouped = { ...plain.dataset, items: plain.dataset.items.map((item, at) => ({ ...item, group: `g${at >> 1}` })) };
      const odd = random.below(2) === 0;
      const dataset = random.below(2) === 0 ? plain.dataset : grouped;
      // every image is the twin of the one that stands before it in the list, and of the one after
      const ids = idsOf(dataset.items);
      const twins = new Map(ids.map((id, at) => [id, new Set(ids.slice(Math.max(0, at - 1), at + 2).filter((other) => other !== id))]));
      const from: TaskSource = { dataset, twins, ...(odd ? { parity: "odd" as const } : {}) };
      const task = fewShotTask(from, { shots: random.pick([1, 2, 4]), seed: i, testOn: "rest" });
      const used = [...task.learn.items, ...task.validation];
      const seen = new Set(used.flatMap(({ id }) => [id, ...(twins.get(id) ?? [])]));
      const groups = groupsOf(used);
      const wanted = dataset.items.filter(
        (item) =>
          item.split !== "test" &&
          !(odd && item.split === "train" && item.index % 2 === 0) &&
          !seen.has(item.id) &&
          !groups.has(item.group ?? item.id),
      );
      const [test] = task.tests;
      expect(idsOf(test?.side.items ?? []).sort()).toEqual(idsOf(wanted).sort());
      expect(test?.among?.places.map((place) => test.among?.items[place]?.id)).toEqual(idsOf(test?.side.items ?? []));
      expect(test?.leaked).toEqual([]);
    }
  });

  it("numbers what may be tested alike for every seed, though seeds are tested on different images", () => {
    const from = source({ classes: 3, perClass: 50, official: true });
    const [a, b] = [1, 2].map((seed) => fewShotTask(from, { shots: 4, seed, testOn: "rest" }).tests[0]);
    expect(idsOf(a?.among?.items ?? [])).toEqual(idsOf(b?.among?.items ?? []));
    expect(a?.among?.places).not.toEqual(b?.among?.places);
  });

  it("takes odd places alone where the model has seen the even half", () => {
    const from: TaskSource = { ...source({ classes: 2, perClass: 60, official: true }), parity: "odd" };
    const task = fewShotTask(from, { shots: 8, seed: 3 });
    expect(task.learn.items.map((item) => item.index % 2)).toEqual(Array(16).fill(1));
  });

  it("takes no two images of one group", () => {
    const task = fewShotTask(source({ classes: 2, perClass: 60, groupOf: 3, official: false }), { shots: 8, seed: 3 });
    expect(groupsOf(task.learn.items).size).toBe(task.learn.items.length);
    expectApart(task);
  });
});

describe("a base-to-new task", () => {
  it("learns the first half of the classes and tests both halves with labels of their own", () => {
    const task = baseToNewTask(source({ classes: 5, perClass: 30, official: true }), { shots: 4, seed: 1 });
    expect(task.learn.classes).toEqual(["class 0", "class 1", "class 2"]);
    const [base, fresh] = task.tests;
    expect([base?.name, fresh?.name]).toEqual(["base", "new"]);
    expect(fresh?.side.classes).toEqual(["class 3", "class 4"]);
    expect(new Set(fresh?.side.items.map((item) => item.label))).toEqual(new Set([0, 1]));
    expect(new Set(task.learn.items.map((item) => item.id.split("/")[0]))).toEqual(new Set(["0", "1", "2"]));
    expect(task.caveat).toBeUndefined();
    expectApart(task);
  });

  it("says where a side of one class makes every answer right, and refuses a set of one class", () => {
    expect(baseToNewTask(source({ classes: 2, perClass: 30, official: true }), { shots: 1, seed: 1 }).caveat).toMatch(/one class/);
    expect(() => baseToNewTask(source({ classes: 1, perClass: 30, official: true }), { shots: 1, seed: 1 })).toThrow(
      expect.objectContaining({ code: "bad_option", package: "evaluation" }),
    );
  });
});

describe("a cross-dataset task", () => {
  it("learns on one set and is tested on the other's own classes", () => {
    const task = crossDatasetTask(
      source({ classes: 2, perClass: 30, official: true, name: "one" }),
      source({ classes: 4, perClass: 20, official: true, name: "two" }),
      { shots: 2, seed: 1 },
    );
    expect([task.source, task.dataset, task.learn.classes.length, task.tests[0]?.side.classes.length]).toEqual(["one", "two", 2, 4]);
  });

  it("is refused for sets that share images", () => {
    const busi = source({ classes: 3, perClass: 20, official: true, name: "busi" });
    const breast = source({ classes: 2, perClass: 20, official: true, name: "breastmnist" });
    expect(() => crossDatasetTask(busi, breast, { shots: 2, seed: 1 })).toThrow(expect.objectContaining({ code: "refused_pair" }));
  });

  it("refuses attributes of another number of classes", () => {
    const from = source({ classes: 3, perClass: 20, official: true });
    const attributes = { dataset: "toy", template: "{class}", classes: [{ name: "a", attributes: ["x"] }] } as never;
    expect(() => fewShotTask({ ...from, attributes }, { shots: 1, seed: 1 })).toThrow(expect.objectContaining({ code: "bad_option" }));
  });
});

describe("attribute sentences", () => {
  it("of another set's words are refused with both lists, whatever their number", () => {
    const foreign = {
      dataset: "elsewhere",
      modality: "toy",
      template: "{class}",
      classes: ["a", "b"].map((name) => ({ name, attributes: ["x"] })),
    };
    const two = source({ classes: 2, perClass: 20, official: true });
    expect(() => fewShotTask({ ...two, attributes: foreign as never }, { shots: 1, seed: 1 })).toThrow(
      expect.objectContaining({ code: "unknown_class" }),
    );
  });

  const from = source({ classes: 4, perClass: 20, official: true });
  const sentencesOf = (name: string) => ({ name, attributes: [`${name}, one`, `${name}, two`] });
  const attributes = (names: readonly string[]) =>
    ({ dataset: "toy", modality: "toy", template: "{attribute}", classes: names.map(sentencesOf) }) as unknown as NonNullable<
      TaskSource["attributes"]
    >;

  it("go to their class by name, in whatever order the file has them", () => {
    const wanted = fewShotTask({ ...from, attributes: attributes(["class 0", "class 1", "class 2", "class 3"]) }, { shots: 1, seed: 1 });
    for (const order of [
      ["class 2", "class 0", "class 3", "class 1"],
      ["Class_3", "CLASS-2", "class  1", "class 0"],
    ]) {
      const task = fewShotTask({ ...from, attributes: attributes(order) }, { shots: 1, seed: 1 });
      expect(task.learn.sentences?.map(([first]) => first?.toLowerCase().replace(/[-_ ]+/g, " "))).toEqual(
        wanted.learn.sentences?.map(([first]) => first?.toLowerCase()),
      );
    }
  });
});

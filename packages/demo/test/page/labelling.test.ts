// Labels from folders, the split of labelled images, and which prompts serve which group: numbers without any element.

import { describe, expect, it } from "vitest";
import type { ImageItem } from "../../src/page/image-item.js";
import { folderClass, folderClasses, lastPart, learningSplit } from "../../src/page/labelling.js";
import { routingShares } from "../../src/page/routing-shares.js";

let nextId = 1;
function image(path: string, more: Partial<ImageItem> = {}): ImageItem {
  const [name = "", ...folders] = path.split("/").reverse();
  return { id: nextId++, name, folder: folders.reverse().join("/"), file: new File([], name), ...more };
}
const names = (list: readonly ImageItem[]) => list.map(({ name }) => name);

describe("folders as classes", () => {
  it("are named by the last part of their path, with plain spaces and composed letters", () => {
    expect(["a/b/chest_x-ray", "  two   words ", "cafe\u0301", "", "a/"].map(folderClass)).toEqual([
      "chest x-ray",
      "two words",
      "caf\u00e9",
      "",
      "",
    ]);
    expect(lastPart("a/b")).toBe("b");
  });

  it("come in the order of the folders' names, each once, images without a folder left out", () => {
    const images = ["set/b_2/1.png", "set/a/1.png", "other/a/2.png", "loose.png", "set/b 2/3.png"].map((path) => image(path));
    expect(folderClasses(images)).toEqual(["a", "b 2"]);
  });

  it("that are numbers come by their value, as on the command line", () => {
    expect(folderClasses(["10/1.png", "9/1.png", "x/1.png"].map((path) => image(path)))).toEqual(["9", "10", "x"]);
  });

  it("are none when there is one alone", () => {
    expect(folderClasses([image("a/1.png"), image("a/2.png"), image("loose.png")])).toEqual([]);
  });
});

describe("the split of labelled images", () => {
  const labelled = Array.from({ length: 10 }, (_, i) => image(`c${i % 2}/${i}.png`, { label: i % 2 }));

  it("learns from all unless shots are said, in the order of the command line whatever the order on the page", () => {
    const { learn, tests } = learningSplit([...labelled].reverse());
    expect(names(learn)).toEqual(["0.png", "2.png", "4.png", "6.png", "8.png", "1.png", "3.png", "5.png", "7.png", "9.png"]);
    expect(tests).toEqual([]);
  });

  it("takes shots of each class, spread through its images, and measures on every other one", () => {
    const { learn, tests } = learningSplit(labelled, 2);
    expect(names(learn)).toEqual(["0.png", "4.png", "1.png", "5.png"]);
    expect(new Set([...learn, ...tests])).toEqual(new Set(labelled));
    expect(learn.filter((i) => tests.includes(i))).toEqual([]);
  });

  it("learns from all of a class that has fewer than the shots", () => {
    const { learn, tests } = learningSplit([...labelled, image("rare/1.png", { label: 2 })], 3);
    expect(learn.filter((i) => i.label === 2)).toHaveLength(1);
    expect(tests.filter((i) => i.label === 2)).toHaveLength(0);
  });

  it("leaves out what has no label or cannot be read", () => {
    const failure = { code: "unreadable", message: "" };
    expect(learningSplit([image("a/1.png"), image("a/2.png", { label: 0, failure })])).toEqual({ learn: [], tests: [] });
  });
});

describe("shares of kept prompts", () => {
  const answered = (path: string, top: string, kept: number[], label?: number) =>
    image(path, {
      answer: { predictions: [{ class: top, probability: 1 }], kept: kept.map((prompt) => ({ prompt, entropy: 0 })) },
      ...(label === undefined ? {} : { label }),
    });
  const images = [
    answered("s/xray/1.png", "lung", [0, 1], 1),
    answered("s/xray/2.png", "eye", [1, 2]),
    answered("s/fundus/1.png", "eye", [2, 0], 0),
    answered("loose.png", "eye", [0, 1]),
    image("s/xray/3.png"),
  ];

  it("are counted by folder over the images that have an answer", () => {
    expect(routingShares(images, "folder", 3, [])).toEqual([
      { name: "fundus", images: 1, shares: [1, 0, 1] },
      { name: "no folder", images: 1, shares: [1, 1, 0] },
      { name: "xray", images: 2, shares: [0.5, 1, 0.5] },
    ]);
  });

  it("are counted by answer, and by label where there is one", () => {
    expect(routingShares(images, "answer", 3, []).map(({ name, images: n }) => [name, n])).toEqual([
      ["eye", 3],
      ["lung", 1],
    ]);
    expect(routingShares(images, "label", 3, ["eye", "lung"])).toEqual([
      { name: "eye", images: 1, shares: [1, 0, 1] },
      { name: "lung", images: 1, shares: [1, 1, 0] },
    ]);
  });
});

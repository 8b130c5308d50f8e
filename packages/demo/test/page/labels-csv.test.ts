// Labels as lists: what is written comes back, by content or by path, and names stay names.

import { describe, expect, it } from "vitest";
import { alikeNames, classPlaces, renamedClasses } from "../../src/page/class-names.js";
import type { ImageItem } from "../../src/page/image-item.js";
import { ANYWHERE, LabelBook } from "../../src/page/label-book.js";
import { labelsCsv, matchLabels, readLabels } from "../../src/page/labels-csv.js";

let nextId = 1;
function image(path: string, hash: string, labelName?: string): ImageItem {
  const [name = "", ...folders] = path.split("/").reverse();
  const identity = { hash: hash.repeat(64), place: path };
  return {
    id: nextId++,
    name,
    folder: folders.reverse().join("/"),
    file: new File([], name),
    identity,
    ...(labelName === undefined ? {} : { labelName }),
  };
}
const named = (matched: ReturnType<typeof matchLabels>) => matched.labels.map(([{ name }, label]) => [name, label]);

describe("labels as CSV", () => {
  it("come back by content under other names, twins of one content each by its own place", () => {
    const twins = [image("s/a/1.png", "1", 'odd, "name"'), image("s/b/2.png", "1", "b"), image("s/b/3.png", "2")];
    const rows = readLabels(labelsCsv(twins));
    expect(rows.map(({ label }) => label)).toEqual(['odd, "name"', "b"]);
    expect(named(matchLabels(rows, twins))).toEqual([
      ["1.png", 'odd, "name"'],
      ["2.png", "b"],
    ]);
    expect(named(matchLabels(rows.slice(0, 1), [image("renamed.png", "1")]))).toEqual([["renamed.png", 'odd, "name"']]);
  });

  it("come back by path where a list has no contents, also one that starts from another folder, never onto two images", () => {
    const images = [image("s/a/1.png", "1"), image("s/b/1.png", "2"), image("s/b/2.png", "3")];
    const matched = matchLabels(readLabels("image;diagnosis\na/1.png;x\n1.png;y\nother/2.png;z\nnone.png;z\n"), images);
    expect(named(matched)).toEqual([
      ["1.png", "x"],
      ["2.png", "z"],
    ]);
    expect(matched.left.map(({ file }) => file)).toEqual(["1.png", "none.png"]);
  });

  it("hold no formula for a spreadsheet, and read as they were", () => {
    const hostile = [image("=cmd|' /C calc'!A0.png", "1", "+1"), image("@x.png", "2", "-b")];
    const text = labelsCsv(hostile);
    for (const cell of text.split(/[\r\n,]+/)) expect(cell).not.toMatch(/^"?[=+\-@]/);
    const rows = readLabels(text);
    expect(named(matchLabels(rows, hostile)).map(([, label]) => label)).toEqual(["+1", "-b"]);
    expect(
      named(
        matchLabels(
          rows.map(({ file, label }) => ({ file, label })),
          hostile,
        ),
      ),
    ).toHaveLength(2);
  });

  it("are refused without a column of labels or of files", () => {
    expect(() => readLabels("file,size\na.png,3\n")).toThrow("expected columns “file” and “label”, got file, size");
    expect(() => readLabels("label\nx\n")).toThrow("expected columns");
  });
});

describe("the book of labels", () => {
  it("knows an image by its place, else by what all of its content were called", () => {
    const book = new LabelBook();
    const written: unknown[] = [];
    book.onWrite = (hash, said) => written.push([hash, said]);
    book.say({ hash: "h", place: "p" }, "a");
    expect([book.of({ hash: "h", place: "p" }), book.of({ hash: "h", place: "other" }), book.of({ hash: "g", place: "p" })]).toEqual([
      "a",
      "a",
      undefined,
    ]);
    book.load([["t", { p: "a", q: "b" }]]);
    expect([book.of({ hash: "t", place: "q" }), book.of({ hash: "t", place: "r" })]).toEqual(["b", undefined]);
    book.say({ hash: "t", place: "r" }, "c");
    expect(book.of({ hash: "t", place: "p" })).toBe("c");
    book.say({ hash: "t", place: "r" }, undefined);
    expect(book.size).toBe(1);
    book.say({ hash: "n", place: ANYWHERE }, "a");
    expect(book.of({ hash: "n", place: "p" })).toBe("a");
    expect(written.at(-1)).toEqual(["n", { [ANYWHERE]: "a" }]);
    expect(written).toContainEqual(["t", undefined]);
  });
});

describe("class names", () => {
  it("are one class where case, underscores, hyphens or spaces alone differ", () => {
    expect(alikeNames(["Chest X-ray", "fundus", "chest_x ray"])).toEqual(["Chest X-ray", "chest_x ray"]);
    expect(alikeNames(["benign", "malignant"])).toBeUndefined();
    expect([classPlaces(["a b", "c"])("A_B"), classPlaces(["a"])("b")]).toEqual([0, undefined]);
  });

  it("that were written anew between the same neighbours are new names of the old classes", () => {
    const renamed = (before: string, after: string) => [...renamedClasses(before.split(" "), after.split(" ")).names];
    expect(renamed("a b c", "a x c")).toEqual([["b", "x"]]);
    expect(renamed("a b c", "x b y")).toEqual([
      ["a", "x"],
      ["c", "y"],
    ]);
    expect(renamed("a b c", "a c")).toEqual([]);
    expect(renamed("a b", "a x b")).toEqual([]);
    expect(renamed("a b", "c a")).toEqual([]);
    expect(renamed("a b c", "c b x")).toEqual([]);
    expect(renamedClasses(["a", "b"], ["x", "y"]).open).toBe(true);
    expect(renamedClasses(["a", "b"], ["x", "y", "z"])).toEqual({ names: new Map(), open: false });
  });
});

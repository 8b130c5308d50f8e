// Orders of file names, and names as people type them.

import { describe, expect, it } from "vitest";
import { alikeNames, typedNames } from "../../src/page/class-names.js";
import { byCodeUnits, byNature, fileKey } from "../../src/page/file-order.js";

const placed = (...paths: string[]) =>
  paths.map((path) => ({ folder: path.slice(0, Math.max(0, path.lastIndexOf("/"))), name: path.slice(path.lastIndexOf("/") + 1) }));
const shown = (list: readonly { folder: string; name: string }[]) =>
  list.map(({ folder, name }) => (folder === "" ? name : `${folder}/${name}`));

describe("the order of files", () => {
  it("is natural where people look: folders first, then numbers by their value", () => {
    const files = placed("b/scan-10.png", "b/scan-2.png", "a/scan-10.png", "loose.png", "a/scan-9.png", "b/Scan-1.png");
    expect(shown(files.sort(byNature))).toEqual([
      "loose.png",
      "a/scan-9.png",
      "a/scan-10.png",
      "b/Scan-1.png",
      "b/scan-2.png",
      "b/scan-10.png",
    ]);
  });

  it("is by code units where learning looks, as the command line sorts paths", () => {
    expect(shown(placed("b/2.png", "b/10.png", "a/é.png", "a/z.png", "B/1.png").sort(byCodeUnits))).toEqual([
      "B/1.png",
      "a/z.png",
      "a/é.png",
      "b/10.png",
      "b/2.png",
    ]);
  });

  it("does not hang on the order in which names of one value came", () => {
    const names = placed("1.png", "01.png", "001.png");
    expect(shown([...names].sort(byNature))).toEqual(shown([...names].reverse().sort(byNature)));
  });

  it("takes two files for one by name, size and time together", () => {
    const file = (bytes: number, name: string, lastModified: number) => new File([new Uint8Array(bytes)], name, { lastModified });
    const one = fileKey(file(3, "a.png", 5));
    expect(fileKey(file(3, "a.png", 5))).toBe(one);
    for (const other of [file(4, "a.png", 5), file(3, "b.png", 5), file(3, "a.png", 6)]) expect(fileKey(other)).not.toBe(one);
  });
});

describe("class names as they are typed", () => {
  it.each([
    ["one a line", "benign\nmalignant\n", ["benign", "malignant"]],
    ["on one line with commas", " benign, malignant ,normal", ["benign", "malignant", "normal"]],
    ["commas that belong to names of several lines", "lung, left\nlung, right", ["lung, left", "lung, right"]],
    ["each once, without empty lines", "a\n\n a \n\r\nb\r", ["a", "b"]],
    ["nothing at all", " \n\t\n", []],
    ["nothing but commas", ",,", []],
  ])("are %s", (_, text, names) => {
    expect(typedNames(text)).toEqual(names);
  });

  it("are found alike when case, spaces or composed letters alone tell them apart", () => {
    expect(alikeNames(["Benign", "malignant", "BENIGN"])).toEqual(["Benign", "BENIGN"]);
    expect(alikeNames(["normal tissue", "normal_tissue"])).toEqual(["normal tissue", "normal_tissue"]);
    expect(alikeNames(["caf\u00e9", "cafe\u0301"])).toEqual(["caf\u00e9", "cafe\u0301"]);
    expect(alikeNames(["grade 1", "grade 11", "grade"])).toBeUndefined();
  });
});

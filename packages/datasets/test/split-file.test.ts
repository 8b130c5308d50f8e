// Split files as CoOp and BiomedCoOp publish them, and the paths in them, which may lead nowhere but below their folder.

import { readFileSync } from "node:fs";
import { cases, mutations, sharedPath } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { DatasetError } from "../src/errors.js";
import { classText, relativePath } from "../src/relative-path.js";
import { parseSplitFile } from "../src/split-file.js";

const split = (value: unknown) => parseSplitFile(JSON.stringify(value));
const train = [
  ["benign/1.png", 0, "benign"],
  ["malignant/1.png", 1, "malignant"],
];

describe("parseSplitFile", () => {
  it("reads paths, labels and class names by label", () => {
    const file = split({ train, val: [["benign\\2.png", 0, "benign"]], test: [["./malignant/2.png", 1, "malignant"]] });
    expect(file.classes).toEqual(["benign", "malignant"]);
    expect(file.splits.train).toEqual([
      { path: "benign/1.png", label: 0 },
      { path: "malignant/1.png", label: 1 },
    ]);
    expect(file.splits.val).toEqual([{ path: "benign/2.png", label: 0 }]);
    expect(file.splits.test).toEqual([{ path: "malignant/2.png", label: 1 }]);
  });

  it("takes a missing part as empty, but wants something to learn from", () => {
    expect(split({ train }).splits.test).toEqual([]);
    expect(() => split({ test: train })).toThrow(/at least one train image, got none/);
  });

  it("refuses labels with a gap, two names for one label, an image on two sides, other keys", () => {
    expect(() => split({ train: [["a.png", 1, "x"]] })).toThrow(/without a gap/);
    expect(() => split({ train: [...train, ["b.png", 0, "other"]] })).toThrow(/one name for label 0/);
    expect(() => split({ train, test: [["benign/1.png", 0, "benign"]] })).toThrow(/every image once/);
    expect(() => split({ train, extra: [] })).toThrow(/another key/);
    for (const entry of [
      ["a.png", 0],
      ["a.png", "0", "x"],
      ["a.png", 0, " "],
      [1, 0, "x"],
      "a.png",
      ["a.png", 10_000, "x"],
      ["a.png", -1, "x"],
    ])
      expect(() => split({ train: [entry] })).toThrow(DatasetError);
    for (const value of [[], null, "train", { train: {} }]) expect(() => split(value)).toThrow(DatasetError);
  });

  it("R6: refuses paths that leave their folder, and names the entry, never the path", () => {
    for (const path of ["../secret.png", "/etc/passwd", "a/../../b.png", "C:\\x.png", "a//b.png", "a/./b.png", "", "a\0.png", "a\nb.png"]) {
      const caught = (() => {
        try {
          split({ train: [...train, [path, 0, "benign"]] });
        } catch (error) {
          return error;
        }
      })();
      expect(caught).toBeInstanceOf(DatasetError);
      expect((caught as Error).message).toMatch(/train entry 2/);
      if (path.length > 3) expect((caught as Error).message).not.toContain(path);
    }
  });

  it("R16: a key that would reach a prototype, or stands twice, is refused", () => {
    expect(() => parseSplitFile('{"train":[["a.png",0,"x"]],"__proto__":{"polluted":true}}')).toThrow(DatasetError);
    expect(() => parseSplitFile('{"train":[["a.png",0,"x"]],"train":[]}')).toThrow(DatasetError);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it("R1: answers damaged files with whole splits or a typed error", () => {
    const sound = new TextEncoder().encode(JSON.stringify({ train, val: [], test: [["t/1.png", 0, "benign"]] }));
    for (const damaged of mutations(3, sound, cases(1000))) {
      try {
        const { classes, splits } = parseSplitFile(new TextDecoder().decode(damaged));
        for (const { label } of [...splits.train, ...splits.val, ...splits.test]) expect(classes[label]).toBeDefined();
      } catch (error) {
        expect(error).toBeInstanceOf(DatasetError);
      }
    }
  });

  it("reads the published split files", (context) => {
    const busi = sharedPath("data/splits/split_BUSI.json");
    if (busi === undefined) return context.skip("skipped: shared data absent (data/splits)");
    const { classes, splits } = parseSplitFile(readFileSync(busi, "utf8"));
    expect(classes).toHaveLength(3);
    expect(splits.train.length + splits.val.length + splits.test.length).toBe(780);
    expect(splits.test).toHaveLength(236);
  });
});

describe("names from files", () => {
  it("are made class names: underscores and runs of spaces are one space", () => {
    expect(classText("normal_scan")).toBe("normal scan");
    expect(classText("  a__b  c ")).toBe("a b c");
    expect(classText("Cafe\u0301")).toBe("Caf\u00e9");
  });

  it("lose a leading ./ and take backslashes as slashes", () => {
    expect(relativePath("././a\\b.png", "here")).toBe("a/b.png");
  });
});

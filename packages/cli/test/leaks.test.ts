// Images that a data set holds twice: data lint lists them, train, eval and sweep say so and give their figures with them and without.

import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Cell } from "@biovlm/evaluation";
import { seeded } from "@biovlm/testkit";
import { beforeAll, describe, expect, it } from "vitest";
import { encodePng } from "../src/phantoms/png-file.js";
import { call, folder } from "./call.js";

const cwd = folder("leaks");
const kinds: string[] = [];

/** scans/train and scans/test of two kinds; the first two test images of each kind are training images again, one of them under another label. */
beforeAll(() => {
  kinds.push("bright", "dark");
  for (const [k, kind] of kinds.entries()) {
    mkdirSync(join(cwd, "drawn", kind), { recursive: true });
    for (let i = 0; i < 12; i++) {
      const random = seeded(100 * k + i);
      const data = Uint8Array.from({ length: 24 * 24 * 3 }, () => 40 + 90 * (1 - k) + random.below(120));
      writeFileSync(join(cwd, "drawn", kind, `${i}.png`), encodePng({ data, width: 24, height: 24 }));
    }
  }
  for (const [k, kind] of kinds.entries()) {
    const files = readdirSync(join(cwd, "drawn", kind)).sort();
    const put = (side: string, to: string, file: string, name = file) => {
      mkdirSync(join(cwd, "scans", side, to), { recursive: true });
      copyFileSync(join(cwd, "drawn", kind, file), join(cwd, "scans", side, to, name));
    };
    for (const [i, file] of files.entries()) put(i < 6 ? "train" : "test", kind, file);
    put("test", kind, files[0] ?? "", "again.png");
    put("test", kinds[1 - k] ?? "", files[1] ?? "", "other.png");
  }
});

const json = async (...words: string[]) => {
  const { code, out, err } = await call(words, { cwd });
  expect(code, err).toBe(0);
  return { found: JSON.parse(out), err };
};

describe("data lint", () => {
  it("lists pairs with labels and sides, and ends with 0 and warnings", async () => {
    const { found, err } = await json("data", "lint", "scans/", "--json");
    expect(found).toMatchObject({ dataset: "scans", split: "given", images: 28, equalImages: 8, acrossLabels: 2, acrossSplits: 4 });
    expect(found.twinsOfTrain).toEqual({ val: 0, test: 4 });
    expect(found.leaked.filter((id: string) => /again|other/.test(id))).toHaveLength(4);
    expect(found.pairs.filter((pair: { equal: boolean }) => pair.equal)).toHaveLength(4);
    expect(found.warnings.map((warning: { code: string }) => warning.code)).toEqual(["twins_across_splits", "twins_across_labels"]);
    expect(err).toMatch(
      /4 pairs of images that show the same picture stand on two sides of the split; 4 of test and 0 of val have a twin in train/,
    );
    expect(err).not.toMatch(/again|other\.png/);
  });

  it("as a table names both images, how they are alike, and how many more there are", async () => {
    const { out } = await call(["data", "lint", "scans/", "--list", "1"], { cwd });
    expect(out).toMatch(/with different labels +2\n/);
    expect(out).toMatch(/other\.png \(.*, test\).*equal content/);
    expect(out).toMatch(/and 1 more: --list 2, or --json/);
  });

  it("keeps equal images of a drawn split on one side, and says which patients a list's own split parts", async () => {
    copyFileSync(
      join(cwd, "drawn", kinds[0] ?? "", readdirSync(join(cwd, "drawn", kinds[0] ?? "")).sort()[0] ?? ""),
      join(cwd, "drawn", kinds[1] ?? "", "copy.png"),
    );
    expect((await json("data", "lint", "drawn/", "--json")).found).toMatchObject({ equalImages: 2, acrossLabels: 1, acrossSplits: 0 });
    const rows = readdirSync(join(cwd, "scans", "train", kinds[0] ?? "")).map(
      (file, i) => `train/${kinds[0]}/${file},${i % 2},${i < 4 ? "train" : "test"},P${i % 3}`,
    );
    writeFileSync(join(cwd, "scans", "list.csv"), `file,label,split,Patient ID\n${rows.join("\n")}\n`);
    const { found } = await json("data", "lint", "scans/list.csv", "--json");
    expect(found.groups).toEqual({ across: 2, testImages: 2 });
    expect(found.warnings.map((warning: { code: string }) => warning.code)).toEqual(["groups_across_splits"]);
  });
});

describe("figures with twins and without", () => {
  it("eval gives both, counts what it left out, and is silent where it is told not to look", async () => {
    const { found } = await json("eval", "scans/", "--json");
    expect(found.images).toBe(16);
    expect(found.withoutTwins.correct).toHaveLength(12);
    expect(found.warnings.map((warning: { code: string }) => warning.code)).toEqual(["twins_across_splits", "twins_across_labels"]);
    const off = await json("eval", "scans/", "--json", "--twins", "off");
    expect(off.found.warnings).toEqual([]);
    expect(off.found).not.toHaveProperty("withoutTwins");
    expect(off.found.balancedAccuracy).toBe(found.balancedAccuracy);
    const { out } = await call(["eval", "scans/"], { cwd });
    expect(out).toMatch(/without twins .*\(12 images; 4 have a twin in train\)/);
  });

  it("train says what of the measured images it learned from", async () => {
    const { found, err } = await json("train", "scans/", "--json", "--set", "epochs=1", "--set", "prompts=2", "--out", "bank.safetensors");
    expect(found.warnings.map((warning: { code: string }) => warning.code)).toContain("twins_across_splits");
    expect(err).toMatch(/scans: 4 pairs/);
  });

  it("sweep keeps both in its cells and tables, and computes a cell again when it is told to look", async () => {
    const words = ["sweep", "scans/", "--shots", "2", "--seeds", "1", "--method", "zero-shot", "--out", "swept", "--json"];
    expect((await json(...words, "--twins", "off")).found.cells[0]).not.toHaveProperty("withoutTwins");
    const { found } = await json(...words);
    expect(found.cells[0].withoutTwins.test.correct).toHaveLength(12);
    expect(found.warnings.map((warning: { dataset: string; code: string }) => [warning.dataset, warning.code])).toContainEqual([
      "scans/",
      "twins_across_splits",
    ]);
    expect(readFileSync(join(cwd, "swept", "results.md"), "utf8")).toMatch(
      /\| few-shot \| scans test \| 2 \| zero-shot \| [\d.]+ \| [\d.]+ \| 4 of 16 \|/,
    );
  });

  it("sweep on the rest of train and val leaves out what a shot shows in other guise", async () => {
    for (const kind of kinds) {
      const files = readdirSync(join(cwd, "scans", "train", kind));
      for (const side of ["train", "val", "test"]) {
        mkdirSync(join(cwd, "doubles", side, kind), { recursive: true });
        for (const file of files) copyFileSync(join(cwd, "scans", "train", kind, file), join(cwd, "doubles", side, kind, file));
      }
    }
    const words = ["sweep", "doubles/", "--method", "zero-shot", "--shots", "1", "--seeds", "1,2,3", "--test-on", "rest", "--out", "rest"];
    const { found } = await json(...words, "--against", "zero-shot", "--json");
    // of each kind six in train and again in val; one is learned from and one chosen on, and neither is measured on in any guise
    expect(found.cells.map(({ test, places }: Cell) => [test?.correct.length, places?.[0]?.length])).toEqual(Array(3).fill([16, 16]));
  });
});

// What `eval` writes beside its figures, arrays of one's own measured under names of one's own, and options that would say nothing where they
// stand, refused in every command that takes them.

import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseCsv } from "@biovlm/datasets";
import { openDataset } from "@biovlm/datasets/node";
import { nth } from "@biovlm/files";
import { beforeAll, describe, expect, it } from "vitest";
import { npy, npz } from "../../datasets/test/npy-file.js";
import { call, folder, writeClasses } from "./call.js";

const cwd = folder("eval-files");
const text = (name: string) => readFileSync(join(cwd, name), "utf8");

interface Figures {
  readonly images: number;
  readonly classes: string[];
  readonly balancedAccuracy: number;
  readonly correct: string;
  readonly majority: { readonly accuracy: number };
}

beforeAll(async () => {
  writeClasses(join(cwd, "scans"), 3, 10);
  const n = 12;
  const pixels = Uint8Array.from({ length: n * 64 }, (_, i) => (i * 37 + Math.floor(i / 64) * 11) % 256);
  const labels = Uint8Array.from({ length: n }, (_, i) => (i % 3 === 0 ? 1 : 0));
  writeFileSync(join(cwd, "own.npz"), npz({ test_images: npy({ shape: [n, 8, 8] }, pixels), test_labels: npy({ shape: [n] }, labels) }));
  writeClasses(join(cwd, "uneven"), 2, 10);
  for (let i = 6; i <= 10; i++) rmSync(join(cwd, "uneven", "hand X-ray", `hand-xray-${i}.png`));
  const quick = ["--shots", "2", "--set", "epochs=1", "--set", "prompts=2", "--out", "bank.safetensors"];
  const trained = await call(["train", "uneven/", ...quick], { cwd });
  expect(trained.code, trained.err).toBe(0);
});

describe("eval", () => {
  it("writes an answer for each image that its own figures are made of, and a list of the split that opens again", async () => {
    const files = ["--predictions", "answers.csv", "--split-list", "split.csv"];
    const { code, out, err } = await call(["eval", "scans/", "--json", ...files], { cwd });
    expect(code, err).toBe(0);
    const { images, classes, correct } = JSON.parse(out) as Figures;
    const { columns, rows } = parseCsv(text("answers.csv"));
    expect(columns).toEqual(["file", "label", "answer", ...classes.map((name) => `p(${name})`), "kept"]);
    expect(rows).toHaveLength(images);
    expect(rows.map(([, label, answer]) => (label === answer ? "1" : "0")).join("")).toBe(correct);
    for (const row of rows) {
      const probabilities = row.slice(3, -1).map(Number);
      expect(probabilities.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 4);
      expect(nth(classes, probabilities.indexOf(Math.max(...probabilities)))).toBe(row[2]);
      // ρ 0.3 of twelve template sentences, numbered from 1
      expect(nth(row, row.length - 1).split(" ")).toHaveLength(3);
      for (const prompt of nth(row, row.length - 1).split(" ")) expect(Number(prompt)).toBeGreaterThan(0);
    }
    writeFileSync(join(cwd, "scans", "again.csv"), text("split.csv"));
    const again = await openDataset(join(cwd, "scans", "again.csv"));
    const first = await openDataset(join(cwd, "scans/"), {});
    const sides = ({ items }: typeof first) => items.map(({ id, label, split }) => `${id} ${label} ${split}`).sort();
    expect(again.splitOrigin).toBe("given");
    expect(sides(again)).toEqual(sides(first));
  });

  it("measures an archive of test images alone, its labels named on the command line, and shows the commonest class", async () => {
    const { code, out, err } = await call(["eval", "own.npz", "--class", "dark", "--class", "light"], { cwd });
    expect(code, err).toBe(0);
    const lines = out.split("\n").map((line) => line.slice(0, 19).trim());
    expect(lines.slice(1, 5)).toEqual(["balanced accuracy", "AUC", "accuracy", "commonest class"]);
    expect(out).toMatch(/commonest class {4}50\.0 % balanced, AUC 0\.5000, 66\.7 % accuracy/);
  });

  it.each([
    [["own.npz"], "--class NAME, once for each"],
    [["own.npz", "--class", "one"], "Save arrays images and labels"],
    [["own.npz", "--class", "a", "--class", "b", "--split", "val"], "expected images on that side, got none (test 12)"],
    [["scans/", "--class", "a", "--class", "b", "--class", "c"], "expected a data set whose labels are numbers"],
  ])("refuses %j with what to do", async (words, said) => {
    const { code, err } = await call(["eval", ...words], { cwd });
    expect(code).not.toBe(0);
    expect(err).toContain(said);
  });
});

describe("--prevalence", () => {
  const bank = ["--bank", "bank.safetensors"];
  const asked = async (...words: string[]) => {
    const { code, out, err } = await call(["classify", "uneven/hand X-ray/hand-xray-1.png", ...bank, "--json", ...words], { cwd });
    expect(code, err).toBe(0);
    const [answer] = JSON.parse(out) as { predictions: { class: string; probability: number }[]; prevalence?: number[] }[];
    const of = (name: string) => answer!.predictions.find((one) => one.class === name)!.probability;
    return { odds: of("hand X-ray") / of("chest X-ray"), prevalence: answer!.prevalence };
  };

  it("weighs answers by what was said, or by how common classes were where the bank was learned", async () => {
    const usual = await asked();
    expect(usual.prevalence).toBeUndefined();
    const said = await asked("--prevalence", "hand_x-ray=0.9,chest X-ray=0.1");
    expect(said.prevalence).toEqual([expect.closeTo(0.1, 9), expect.closeTo(0.9, 9)]);
    expect(said.odds / usual.odds).toBeCloseTo(9, 2);
    // seven of ten and three of five images are learned from: two shots of each do not show it
    const learned = await asked("--prevalence", "train");
    expect(learned.prevalence).toEqual([expect.closeTo(0.7, 9), expect.closeTo(0.3, 9)]);
    expect(learned.odds / usual.odds).toBeCloseTo(3 / 7, 3);
  });

  it("moves eval's figures by the same rule", async () => {
    const { code, out, err } = await call(
      ["eval", "uneven/", ...bank, "--json", "--prevalence", "hand X-ray=0.999999,chest X-ray=0.000001"],
      {
        cwd,
      },
    );
    expect(code, err).toBe(0);
    const { confusion } = JSON.parse(out) as { confusion: number[][] };
    expect(confusion.map(([first]) => first)).toEqual([0, 0]);
  });

  it.each([
    [["--prevalence", "hand X-ray=0.5"], 'got none of "chest X-ray"'],
    [["--prevalence", "hand X-ray=0.5,chest X-ray=0.2"], "got shares that add up to 0.700"],
    [["--prevalence", "hand X-ray=0.5,foot=0.5"], 'got "foot"'],
    [["--prevalence", "hand X-ray=0.5,hand x-ray=0.5"], 'got "hand x-ray" twice'],
    [["--prevalence", "often"], "expected train, or NAME=SHARE with commas between"],
    [["--prevalence", "hand X-ray=0,chest X-ray=1"], "each share above 0"],
  ])("%j is refused with the classes", async (words, said) => {
    const { code, err } = await call(["eval", "uneven/", ...bank, ...words], { cwd });
    expect([code, err]).toEqual([2, expect.stringContaining(said)]);
  });

  it("train is refused of a bank that does not know", async () => {
    const { code, err } = await call(["eval", "uneven/", "--prevalence", "train"], { cwd });
    expect([code === 0, err]).toEqual([false, expect.stringContaining("Learn it again, or give a share for each class.")]);
  });
});

describe("options that would do nothing are refused", () => {
  it.each([
    [["train", "scans/", "--rename", "a=b"], "--rename — expected --attributes beside it"],
    [["sweep", "scans/", "--rename", "a=b"], "--rename — expected --attributes beside it"],
    [["eval", "scans/", "--rename", "a=b"], "--rename — expected --attributes or --bank beside it"],
    [["eval", "scans/", "--bank", "b.safetensors", "--rename", "a=b", "--rename", "a=c"], "expected each folder once"],
    [["sweep", "scans/", "--method", "zero-shot", "--set", "epochs=1"], "--set — expected --variant beside it"],
    [["sweep", "scans/", "--test-on", "rest", "--twins", "off"], "--test-on rest — expected --twins check beside it"],
    [
      ["sweep", "scans/", "--method", "zero-shot", "--against", "coop"],
      "--against — expected one of the methods of this sweep (zero-shot)",
    ],
  ])("%j", async (words, said) => {
    const { code, err } = await call(words, { cwd });
    expect([code, err]).toEqual([2, expect.stringContaining(said)]);
  });
});

// Classes are matched by name: an attribute file or a bank with the same names in another order gives the same figures, other names are refused
// with both lists.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { call, folder, writeClasses } from "./call.js";

const cwd = folder("names");
let names: string[] = [];

interface Figures {
  readonly accuracy: number;
  readonly balancedAccuracy: number;
  readonly auc: number;
  readonly correct: string;
}
async function figures(...words: string[]): Promise<Figures> {
  const { code, out, err } = await call(["eval", "scans/", "--json", ...words], { cwd });
  expect(code, err).toBe(0);
  const { accuracy, balancedAccuracy, auc, correct } = JSON.parse(out) as Figures;
  return { accuracy, balancedAccuracy, auc, correct };
}
const file = (path: string, order: readonly string[], called = (name: string) => name) => {
  const classes = order.map((name, id) => ({
    id,
    name: called(name),
    attributes: [`a scan that shows ${name}`, `${name}, seen from the front`],
  }));
  writeFileSync(
    join(cwd, path),
    JSON.stringify({ dataset: "toy", modality: "scan", template: "a {modality} of {class}, {attribute}", classes }),
  );
  return path;
};

beforeAll(async () => {
  writeClasses(join(cwd, "scans"), 4, 20);
  const { out } = await call(["eval", "scans/", "--json"], { cwd });
  names = [...(JSON.parse(out) as { classes: string[] }).classes];
  expect(names).toHaveLength(4);
  const trained = await call(
    ["train", "scans/", "--shots", "4", "--set", "epochs=2", "--set", "prompts=2", "--out", "learned.safetensors"],
    { cwd },
  );
  expect(trained.code, trained.err).toBe(0);
}, 120_000);

describe("the same names in another order", () => {
  it("in an attribute file give the same figures, also written in another case", async () => {
    const wanted = await figures("--attributes", file("a.json", names));
    expect(await figures("--attributes", file("b.json", [...names].reverse()))).toEqual(wanted);
    const other = file(
      "c.json",
      [2, 0, 3, 1].flatMap((i) => names[i] ?? []),
      (name) => name.toUpperCase().replaceAll("-", "_"),
    );
    expect(await figures("--attributes", other)).toMatchObject({ correct: wanted.correct });
  });

  it("of a compiled bank give the same figures, with its mixture and without its context vectors", async () => {
    const wanted = await figures("--bank", "learned.safetensors");
    const turned = [...names].reverse().flatMap((name) => ["--class", name]);
    for (const words of [[], ["--text-only"]]) {
      const compiled = await call(["bank", "compile", "learned.safetensors", "--out", "turned.safetensors", ...turned, ...words], { cwd });
      expect(compiled.code, compiled.err).toBe(0);
      expect((await figures("--bank", "turned.safetensors")).correct).toBe(wanted.correct);
    }
  });

  it("give a bank that was learned the same answer when they are named on the command line, however they are written", async () => {
    const image = join("scans", names[0] ?? "", "");
    const ask = async (...words: string[]) => {
      const { code, out, err } = await call(["classify", image, "--bank", "learned.safetensors", "--json", ...words], { cwd });
      expect(code, err).toBe(0);
      return (JSON.parse(out) as { predictions: { class: string; probability: number }[] }[]).map(({ predictions }) => predictions);
    };
    const wanted = await ask();
    const spelled = names.map((name) => name.replaceAll("-", "_").toUpperCase()).reverse();
    const said = await ask(...spelled.flatMap((name) => ["--class", name]));
    for (const [i, predictions] of said.entries())
      for (const { class: name, probability } of predictions)
        expect(probability).toBeCloseTo(wanted[i]?.find((one) => one.class === name)?.probability ?? Number.NaN, 4);
  });
});

describe("other names", () => {
  it("in an attribute file are refused with both lists and a way out, which works", async () => {
    const path = file("other.json", names, (name) => (name === names[1] ? "something else" : name));
    const refused = await call(["eval", "scans/", "--attributes", path], { cwd });
    expect(refused.code).not.toBe(0);
    expect(refused.err).toContain("error[unknown_class]: ");
    for (const name of [...names, "something else", "--rename folder=name"]) expect(refused.err).toContain(name);
    const renamed = await figures("--attributes", path, "--rename", `${names[1]}=something else`);
    expect(renamed.correct).toHaveLength((await figures("--attributes", "a.json")).correct.length);
    const trained = await call(["train", "scans/", "--attributes", path, "--set", "epochs=1"], { cwd });
    expect([trained.code === 0, trained.err.includes("error[unknown_class]: ")]).toEqual([false, true]);
  });

  it("of a bank without context vectors are refused, as many as they may be", async () => {
    const compiled = await call(
      [
        "bank",
        "compile",
        "learned.safetensors",
        "--text-only",
        "--out",
        "foreign.safetensors",
        ...["a", "b", "c", "d"].flatMap((name) => ["--class", name]),
      ],
      { cwd },
    );
    expect(compiled.code, compiled.err).toBe(0);
    const refused = await call(["eval", "scans/", "--bank", "foreign.safetensors"], { cwd });
    expect([refused.code === 0, refused.err.includes("error[unknown_class]: ")]).toEqual([false, true]);
  });
});

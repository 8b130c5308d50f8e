// No bank that fails is called ready in silence: over the data sets here, shots and seeds, what the bank answers is read from `eval --predictions`
// and held against what `train` said of it. The default counts are one set and one shot; all of them with BIOVLM_SOAK=1.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { skipUnlessShared, soak } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { call, folder } from "./call.js";

const data = skipUnlessShared("data");
const SETS = soak ? ["breastmnist", "pneumoniamnist", "retinamnist", "busi", "ham10000"] : ["breastmnist"];
const SHOTS = soak ? [1, 4, 16] : [1];
const SEEDS = soak ? [1, 2, 3] : [1];
const runs = SETS.flatMap((set) => SHOTS.flatMap((shots) => SEEDS.map((seed) => ({ set, shots, seed }))));
const cwd = folder("collapse");

/** Labels and answers, of a list whose names hold no comma. */
function answersOf(file: string): { readonly label: string; readonly answer: string }[] {
  const [, ...lines] = readFileSync(file, "utf8").trim().split(/\r?\n/);
  return lines.map((line) => {
    const [, label = "", answer = ""] = line.split(",");
    return { label, answer };
  });
}

/** Whether all classes, or all but a twentieth of the images, got one answer although several are there. */
function faultsOf(rows: readonly { readonly label: string; readonly answer: string }[]): string[] {
  const classes = [...new Set(rows.map((row) => row.label))];
  const answered = (name: string) => rows.filter((row) => row.answer === name).length;
  const commonest = Math.max(...classes.map((name) => rows.filter((row) => row.label === name).length));
  if (classes.some((name) => answered(name) >= Math.max(0.95 * rows.length, commonest))) return ["collapsed"];
  return classes.some((name) => answered(name) === 0) ? ["class_never_answered"] : [];
}

describe.skipIf(data === undefined)("a learned bank", { timeout: 600_000 }, () => {
  it.each(runs)("of $set, $shots shots, seed $seed, fails as it said it does, or does not", async ({ set, shots, seed }) => {
    const bank = join(cwd, `${set}-${shots}-${seed}.safetensors`);
    const env = { BIOVLM_DATA: data!, BIOVLM_THREADS: "1" };
    const words = ["--twins", "off"];
    const trained = await call(["train", set, "--shots", String(shots), "--seed", String(seed), "--out", bank, "--json", ...words], {
      cwd,
      env,
    });
    expect(trained, trained.err).toMatchObject({ code: 0 });
    const file = join(cwd, "answers.csv");
    const measured = await call(["eval", set, "--bank", bank, "--predictions", file, ...words], { cwd, env });
    expect(measured, measured.err).toMatchObject({ code: 0 });
    const said = (JSON.parse(trained.out) as { measured: { warnings: { code: string }[] } }).measured.warnings.map(({ code }) => code);
    const rows = answersOf(file);
    expect(rows.length).toBeGreaterThan(100);
    const faults = faultsOf(rows);
    if (soak) console.log(`${set} ${shots} ${seed}: ${faults.join(" ") || "none"}; said: ${said.join(" ") || "nothing"}`);
    expect(said).toEqual(expect.arrayContaining(faults));
    const seen = said.filter((code) => code === "collapsed" || code === "class_never_answered");
    expect(seen).toEqual(faults);
  });
});

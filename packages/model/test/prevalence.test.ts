// How common classes are where a bank is used: scores moved by the logarithm of the prior, for banks with a mixture and without, and what a bank
// keeps of the images that it was learned from.

import { cpuBackend } from "@biovlm/backend-cuda";
import { loadCore } from "@biovlm/core";
import { tinyModel } from "@biovlm/model-tiny/node";
import { seeded } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { learnedPrevalence } from "../src/classify/prevalence.js";
import { compileBank, createClassifier, readBank, writeBank } from "../src/index.js";
import { bankAndMixture } from "./mixed-bank.js";

const core = await loadCore({ deterministic: true });
const model = await tinyModel();
const encoder = await cpuBackend({ threads: 1 }).open(model.graphs);
const context = { core, encoder, model };
const classes = ["benign tumor", "malignant tumor", "normal breast"];
const { embedDim: D } = model.spec;
const random = seeded(12);
const floats = (n: number, size: number) => Float32Array.from({ length: n }, () => size * (random.next() - 0.5));

const { plain, mixed } = bankAndMixture(model, "biovlm", classes, floats);
const rows = core.l2Normalize(floats(6 * D, 1), 6, D);

describe("a classifier that knows how common its classes are", () => {
  it.each([
    ["with a mixture", mixed],
    ["without one", plain],
  ])("weighs each answer by the shares, of a bank %s", async (_, bank) => {
    const shares = [0.7, 0.05, 0.25];
    const [usual, weighed] = await Promise.all([
      createClassifier({ ...context, bank }),
      createClassifier({ ...context, bank, prevalence: shares }),
    ]);
    const before = usual.classifyEmbeddings(rows);
    for (const [i, answer] of weighed.classifyEmbeddings(rows, { explain: true }).entries()) {
      // Bayes: each probability times its share, made to add up to 1 again
      const odds = classes.map((name, c) => before[i]!.predictions.find((p) => p.class === name)!.probability * shares[c]!);
      const sum = odds.reduce((a, b) => a + b, 0);
      for (const [c, name] of classes.entries())
        expect(answer.predictions.find((p) => p.class === name)!.probability).toBeCloseTo(odds[c]! / sum, 5);
      expect(answer.parts!.at(-1)!.name).toBe("prevalence");
      const [first, second] = answer.predictions;
      const margin = answer.parts!.reduce((total, part) => total + part.margin, 0);
      expect(margin).toBeCloseTo(Math.log(first!.probability / second!.probability), 3);
    }
    const same = await createClassifier({ ...context, bank, prevalence: [1 / 3, 1 / 3, 1 / 3] });
    for (const [i, answer] of same.classifyEmbeddings(rows).entries())
      for (const [at, { probability }] of answer.predictions.entries())
        expect(probability).toBeCloseTo(before[i]!.predictions[at]!.probability, 5);
  });

  it("refuses shares that are not shares of its classes", async () => {
    for (const prevalence of [
      [0.5, 0.5],
      [0.5, 0.5, 0],
      [0.5, 0.6, 0.1],
      [Number.NaN, 0.5, 0.5],
      [1.5, -0.25, -0.25],
    ])
      await expect(createClassifier({ ...context, bank: plain, prevalence })).rejects.toMatchObject({ code: "bad_argument" });
  });
});

describe("how many images of each class a bank was learned from", () => {
  const counted = { ...mixed, classCounts: [30, 10, 60] };

  it("is kept in its file, follows its classes when compiled, and is not there for others", async () => {
    const read = readBank(writeBank(counted));
    expect(read.classCounts).toEqual([30, 10, 60]);
    const turned = await compileBank(context, read, [classes[2]!, classes[0]!]);
    expect(turned.classCounts).toEqual([60, 30]);
    expect((await compileBank(context, read, ["cyst", "mass"])).classCounts).toBeUndefined();
    expect(readBank(writeBank(plain)).classCounts).toBeUndefined();
    expect(learnedPrevalence(turned, [classes[0]!, classes[2]!])).toEqual([expect.closeTo(1 / 3, 12), expect.closeTo(2 / 3, 12)]);
  });

  it("is asked for with words where it is not known", () => {
    expect(() => learnedPrevalence(plain, classes)).toThrow(/got one that does not. Learn it again/);
    expect(() => learnedPrevalence(counted, ["cyst", "mass"])).toThrow(/classes that the bank was learned on, got "cyst"/);
    expect(() => learnedPrevalence({ ...counted, classCounts: [1, 0, 2] }, classes)).toThrow(/of which it had no image/);
  });

  it("is refused where it is not a whole number for each class", () => {
    for (const classCounts of [
      [1, 2],
      [1, 2, -1],
      [1, 2, 0.5],
    ])
      expect(() => writeBank({ ...plain, classCounts })).toThrow(expect.objectContaining({ code: "bad_bank" }));
  });
});

// Classes that become the same tokens are refused with both names and the reason, wherever a bank or its rows are made.

import { cpuBackend } from "@biovlm/backend-cuda";
import { loadCore } from "@biovlm/core";
import { tinyModel } from "@biovlm/model-tiny/node";
import { RECIPES } from "@biovlm/training";
import { describe, expect, it } from "vitest";
import { classTokens } from "../src/banks/prompts.js";
import { attributeBank, templateBank } from "../src/index.js";
import { UNTRAINED_RHO } from "../src/prompts.js";

const core = await loadCore({ deterministic: true });
const model = await tinyModel();
const encoder = await cpuBackend({ threads: 1 }).open(model.graphs);
const context = { core, encoder, model };
const long = Array.from({ length: 300 }, () => "tissue").join(" ");

const alike: [string, [string, string], string][] = [
  ["case", ["Benign tumor", "benign tumor"], "equal but for case, spaces and underscores"],
  ["underscores", ["benign_tumor", "benign tumor"], "equal but for case, spaces and underscores"],
  ["the end of a text that is cut", [`${long} left`, `${long} right`], "behind the place where the model cuts"],
  ["signs outside the vocabulary", ["\u{1F600}", "\u{1F680}"], "words or signs that the vocabulary does not have"],
];

describe("classes that the text tower cannot tell apart", () => {
  for (const [what, names, reason] of alike) {
    it(`are refused by untrained banks where only ${what} sets them apart`, async () => {
      await expect(templateBank(context, ["normal", ...names])).rejects.toMatchObject({
        code: "bad_classes",
        message: expect.stringContaining(reason),
      });
    });
    it(`are refused before learning where only ${what} sets them apart`, () => {
      expect(() => classTokens(model, ["normal", ...names], 4)).toThrowError(expect.objectContaining({ code: "bad_classes" }));
      expect(() => classTokens(model, ["normal", ...names], 4)).toThrowError(reason);
    });
  }

  it("are named, both of them", async () => {
    await expect(templateBank(context, ["normal", "Cyst", "cyst"])).rejects.toThrow('"Cyst" and "cyst"');
  });

  it("are refused where every sentence is shared, and taken where one differs", async () => {
    const classes = ["benign", "malignant"];
    await expect(attributeBank(context, classes, [["a mass"], ["a mass"]])).rejects.toThrow("their texts are equal but for");
    const bank = await attributeBank(context, classes, [
      ["a mass", "round"],
      ["a mass", "spiculated"],
    ]);
    expect(bank.classes).toEqual(classes);
  });

  it("leaves names apart that differ in one word", () => {
    expect(classTokens(model, ["left lung", "right lung"], 4).shape[0]).toBe(2);
  });
});

describe("banks without training", () => {
  it("keep the share of prompts that validation settled, whatever they are made of", async () => {
    expect(UNTRAINED_RHO).toBe(RECIPES.biovlm.rho);
    expect((await templateBank(context, ["a mass", "no mass"])).rho).toBe(UNTRAINED_RHO);
    expect((await attributeBank(context, ["a", "b"], [["round"], ["spiculated"]])).rho).toBe(UNTRAINED_RHO);
  });
});

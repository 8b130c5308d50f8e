// Bank files: what is written is read back, the same bank is the same bytes, and a file that breaks a rule is refused by name.

import { BiovlmError } from "@biovlm/files";
import { attack, cases } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { openSafetensors, writeSafetensors } from "../src/backbone.js";
import { bankDigest, checkBankFits, type PromptBank, promptCount, promptNames, readBank, writeBank } from "../src/index.js";

const digest = `sha256:${"1".repeat(64)}`;
const full: PromptBank = {
  modelDigest: digest,
  recipe: "biovlm",
  options: { embedding: "word", prompts: ["first", "zweites"], steps: 3 },
  rho: 0.5,
  promptSuffix: ".",
  classes: ["benign tumor", "グリオーマ", "__proto__"],
  logitScale: Math.log(100),
  seed: 7,
  createdBy: "biovlm 0.1.0",
  ctx: { data: Float32Array.from({ length: 2 * 4 * 5 }, (_, i) => Math.sin(i)), shape: [2, 4, 5] },
  text: { data: Float32Array.from({ length: 2 * 3 * 4 }, (_, i) => (i % 4 === 0 ? 1 : 0)), shape: [2, 3, 4] },
};
const { ctx: _ctx, ...compiled } = full;
const { text: _text, ...learned } = full;

const codeOf = (f: () => unknown): string => {
  try {
    f();
    return "accepted";
  } catch (error) {
    return error instanceof BiovlmError ? error.code : String(error);
  }
};

/** The full bank's file with metadata changed; undefined removes a key. */
function withMetadata(changes: Readonly<Record<string, string | undefined>>): Uint8Array {
  const { metadata, tensors } = openSafetensors(writeBank(full));
  const merged = Object.fromEntries(Object.entries({ ...metadata, ...changes }).filter((e): e is [string, string] => e[1] !== undefined));
  return writeSafetensors(
    [...tensors].map(([name, t]) => ({ name, dtype: t.dtype, shape: t.shape, bytes: () => t.bytes() })),
    merged,
  );
}

describe("a bank file", () => {
  it.each([
    ["learned and compiled", full],
    ["compiled only", compiled],
    ["learned only", learned],
  ])("holds everything of a bank that is %s, and writes again to the same bytes", async (_, bank) => {
    const bytes = writeBank(bank);
    const back = readBank(bytes);
    expect(back).toEqual(bank);
    expect(writeBank(back)).toEqual(bytes);
    expect(await bankDigest(back)).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(await bankDigest({ ...bank, rho: 0.25 })).not.toBe(await bankDigest(bank));
  });

  it("is read from a buffer at an odd offset, and does not hold on to that buffer", () => {
    const bytes = writeBank(full);
    const odd = new Uint8Array(bytes.length + 3).subarray(3);
    odd.set(bytes);
    const back = readBank(odd);
    odd.fill(0);
    expect(back).toEqual(full);
  });

  it("knows how many prompts it has and what they are called", () => {
    expect(promptCount(learned)).toBe(2);
    expect(promptNames(full)).toEqual(["first", "zweites"]);
    expect(promptNames({ ...full, options: { prompts: ["one too few"] } })).toBeUndefined();
  });

  it.each([
    ["another format", { format: "biovlm-bank/2" }],
    ["no format", { format: undefined }],
    ["no model digest", { model_digest: undefined }],
    ["a model digest that is none", { model_digest: "sha256:1234" }],
    ["rho 0", { rho: "0" }],
    ["rho above 1", { rho: "1.5" }],
    ["rho in words", { rho: "half" }],
    ["a hexadecimal rho", { rho: "0x1" }],
    ["an endless logit scale", { logit_scale: "Infinity" }],
    ["a logit scale that overflows", { logit_scale: "500" }],
    ["classes that are no list", { classes: '{"0":"a"}' }],
    ["classes cut off", { classes: '["a"' }],
    ["a class that is no text", { classes: '["a",2,"c"]' }],
    ["a class twice", { classes: '["a","a","c"]' }],
    ["an empty class", { classes: '["a"," ","c"]' }],
    ["fewer classes than text has", { classes: '["a","b"]' }],
    ["options that are a list", { options: "[]" }],
    ["options nested too deep", { options: `${'{"a":'.repeat(40)}1${"}".repeat(40)}` }],
  ])("with %s is refused", (_, changes) => {
    expect(codeOf(() => readBank(withMetadata(changes)))).toBe("bad_bank");
  });

  it.each([
    ["no tensors", { ...learned, ctx: undefined }],
    ["a number that is not finite", { ...learned, ctx: { ...full.ctx!, data: full.ctx!.data.map((x, i) => (i === 3 ? Number.NaN : x)) } }],
    ["a shape that does not fit", { ...learned, ctx: { ...full.ctx!, shape: [2, 4, 6] as const } }],
    ["unlike numbers of prompts", { ...full, ctx: { data: new Float32Array(20), shape: [1, 4, 5] as const } }],
    ["embeddings that are not of length 1", { ...compiled, text: { ...full.text!, data: full.text!.data.map((x) => 2 * x) } }],
  ])("with %s is not written", (_, bank) => {
    expect(codeOf(() => writeBank(bank as PromptBank))).toBe("bad_bank");
  });

  it("with tensors of other names, types or ranks is refused", () => {
    const { metadata } = openSafetensors(writeBank(full));
    const one = (name: string, dtype: "F32" | "F64", shape: readonly number[], size: number) =>
      writeSafetensors([{ name, dtype, shape, bytes: () => new Uint8Array(size) }], metadata);
    for (const bytes of [one("weights", "F32", [2, 4, 5], 160), one("ctx", "F64", [2, 4, 5], 320), one("ctx", "F32", [40], 160)]) {
      expect(codeOf(() => readBank(bytes))).toBe("bad_bank");
    }
  });

  it("is for its own model only, and for sizes of that model", () => {
    const model = { digest, spec: { embedDim: 4, text: { width: 5, contextLength: 16 } } };
    expect(codeOf(() => checkBankFits(full, model))).toBe("accepted");
    expect(codeOf(() => checkBankFits(full, { ...model, digest: `sha256:${"2".repeat(64)}` }))).toBe("model_mismatch");
    expect(codeOf(() => checkBankFits(full, { ...model, spec: { ...model.spec, embedDim: 8 } }))).toBe("bad_bank");
    expect(codeOf(() => checkBankFits(full, { ...model, spec: { embedDim: 4, text: { width: 6, contextLength: 16 } } }))).toBe("bad_bank");
    expect(codeOf(() => checkBankFits(full, { ...model, spec: { embedDim: 4, text: { width: 5, contextLength: 6 } } }))).toBe("bad_bank");
  });

  it("mutated is read or refused with a code, whatever the damage (R1)", async () => {
    const report = await attack({
      seed: 41,
      samples: { full: writeBank(full), compiled: writeBank(compiled), learned: writeBank(learned) },
      count: cases(1000),
      run: readBank,
      expect: (error) => error instanceof BiovlmError && (error.code === "bad_bank" || error.code === "malformed_safetensors"),
    });
    expect(report.refused).toBeGreaterThan(0);
  });
});

// Banks with a mixture: what is written is read back, damage is refused, and the answer is the sum that the formula says, for the bank's own classes
// in any order and for no others.

import { cpuBackend } from "@biovlm/backend-cuda";
import { loadCore } from "@biovlm/core";
import { BiovlmError } from "@biovlm/files";
import { tinyModel } from "@biovlm/model-tiny/node";
import { cases, mutations, seeded } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { openSafetensors, writeSafetensors } from "../src/backbone.js";
import { compileBank, createClassifier, type PromptBank, readBank, writeBank } from "../src/index.js";
import { bankAndMixture } from "./mixed-bank.js";

const core = await loadCore({ deterministic: true });
const model = await tinyModel();
const encoder = await cpuBackend({ threads: 1, maxBatch: 3 }).open(model.graphs);
const context = { core, encoder, model };
const classes = ["benign tumor", "malignant tumor", "normal breast"];
const { embedDim: D } = model.spec;
const W = model.spec.text.width;
const random = seeded(11);
const floats = (n: number, size = 1) => Float32Array.from({ length: n }, () => size * (random.next() - 0.5));

const { plain, mixed: bank } = bankAndMixture(model, "mixture", classes, floats);
const images = core.l2Normalize(floats(5 * D), 5, D);
const softmax = (z: readonly number[]) => {
  const e = z.map((x) => Math.exp(x - Math.max(...z)));
  return e.map((x) => x / e.reduce((a, b) => a + b, 0));
};

describe("a bank with a mixture", () => {
  it("holds everything in its file, learned and compiled, and writes again to the same bytes", async () => {
    const compiled = await compileBank(context, bank);
    expect(compiled.mixture?.text?.shape).toEqual([1, 3, D]);
    const warm = { ...bank, mixture: { ...bank.mixture!, temperature: 0.62 } };
    expect(openSafetensors(writeBank(warm)).metadata["mixture"]).toBe('{"a":0.3,"w":0.1,"v":0.5,"temperature":0.62}');
    expect(openSafetensors(writeBank(bank)).metadata["mixture"]).toBe('{"a":0.3,"w":0.1,"v":0.5}');
    for (const one of [bank, compiled, warm]) {
      const bytes = writeBank(one);
      expect(readBank(bytes)).toEqual(one);
      expect(writeBank(readBank(bytes))).toEqual(bytes);
    }
  });

  it("adds nothing to the file of a bank without one", () => {
    const { tensors, metadata } = openSafetensors(writeBank(plain));
    expect([...tensors.keys()]).toEqual(["ctx"]);
    expect(metadata["mixture"]).toBeUndefined();
    expect([...openSafetensors(writeBank(bank)).tensors.keys()].sort()).toEqual(["ctx", "ctx_ce", "expert.W", "expert.b"]);
  });

  it("answers with the weighted sum of its parts, and says with `explain` what each part adds", async () => {
    const whole = await createClassifier({ ...context, bank });
    const prompts = await createClassifier({ ...context, bank: plain });
    const one = await createClassifier({
      ...context,
      bank: { ...plain, ctx: { ...(bank.mixture?.ctx ?? { data: floats(0), shape: [1, 3, W] }) } },
    });
    const [routed, single] = [prompts.logits(images, 5), one.logits(images, 5)];
    const { expertW, expertB, a = 0, w = 0, v = 0 } = bank.mixture ?? { expertW: floats(0), expertB: floats(0) };
    const answers = whole.classifyEmbeddings(images, { explain: true });
    for (const [i, answer] of answers.entries()) {
      const z = classes.map((_, c) => {
        let g = expertB[c] ?? Number.NaN;
        for (let d = 0; d < D; d++) g += (expertW[c * D + d] ?? Number.NaN) * (images[i * D + d] ?? Number.NaN);
        return a * ((1 - v) * (routed[i * 3 + c] ?? Number.NaN) + v * (single[i * 3 + c] ?? Number.NaN)) + w * g;
      });
      const wanted = softmax(z);
      for (const { class: name, probability } of answer.predictions)
        expect(probability).toBeCloseTo(wanted[classes.indexOf(name)] ?? Number.NaN, 5);
      const order = [...z].sort((x, y) => y - x);
      expect(answer.parts?.map(({ name }) => name)).toEqual(["routed prompts", "cross-entropy prompt", "image expert"]);
      expect(answer.parts?.reduce((sum, { margin }) => sum + margin, 0)).toBeCloseTo((order[0] ?? 0) - (order[1] ?? 0), 3);
    }
    expect(prompts.classifyEmbeddings(images, { explain: true })[0]?.parts).toBeUndefined();
  });

  it("divides its scores by its temperature: the same answers, more or less sure", async () => {
    const temperature = 1.6;
    const mixture = { ...bank.mixture!, temperature };
    const [plainly, warmed] = [
      await createClassifier({ ...context, bank }),
      await createClassifier({ ...context, bank: { ...bank, mixture } }),
    ];
    const [z, divided] = [plainly.logits(images, 5), warmed.logits(images, 5)];
    for (const [i, score] of divided.entries()) expect(score * temperature).toBeCloseTo(z[i]!, 3);
    const [sure, less] = [plainly, warmed].map((one) => one.classifyEmbeddings(images, { explain: true }));
    for (const [i, { predictions, parts }] of less!.entries()) {
      expect(predictions.map((p) => p.class)).toEqual(sure![i]!.predictions.map((p) => p.class));
      expect(predictions[0]!.probability).toBeLessThan(sure![i]!.predictions[0]!.probability);
      const margin = (of: typeof parts) => of!.reduce((sum, part) => sum + part.margin, 0);
      expect(margin(parts) * temperature).toBeCloseTo(margin(sure![i]!.parts), 3);
    }
  });

  describe("with untrained sentences beside its prompts", () => {
    const share = 0.25;
    const text = { data: core.l2Normalize(floats(4 * 3 * D), 4 * 3, D), shape: [4, 3, D] as const };
    const spoken: PromptBank = { ...bank, mixture: { ...bank.mixture!, untrained: { text, share } } };

    it("keeps them in its file, and writes again to the same bytes", () => {
      const bytes = writeBank(spoken);
      const { tensors, metadata } = openSafetensors(bytes);
      expect(metadata["mixture"]).toBe('{"a":0.3,"w":0.1,"v":0.5,"untrained":0.25}');
      expect([...tensors.keys()].sort()).toEqual(["ctx", "ctx_ce", "expert.W", "expert.b", "text_untrained"]);
      expect(readBank(bytes)).toEqual(spoken);
      expect(writeBank(readBank(bytes))).toEqual(bytes);
    });

    it("answers by their routed scores in the place of that share of the prompts', and says so", async () => {
      const { ctx: _none, ...fixed } = plain;
      const [whole, before, prompts, sentences] = await Promise.all(
        [spoken, bank, plain, { ...fixed, text }].map((one) => createClassifier({ ...context, bank: one })),
      );
      const [z, without, routed, said] = [whole, before, prompts, sentences].map((one) => one!.logits(images, 5));
      const { a, v } = bank.mixture!;
      for (const [i, score] of z!.entries()) expect(score).toBeCloseTo(without![i]! + a * (1 - v) * share * (said![i]! - routed![i]!), 4);
      for (const { parts, predictions } of whole!.classifyEmbeddings(images, { explain: true })) {
        const names = ["routed prompts", "untrained sentences", "cross-entropy prompt", "image expert"];
        expect(parts?.map(({ name }) => name)).toEqual(names);
        const [first, second] = predictions.map(({ probability }) => Math.log(probability));
        expect(parts?.reduce((sum, { margin }) => sum + margin, 0)).toBeCloseTo(first! - second!, 3);
      }
    });

    it("gives each class the same score whatever the order asked for", async () => {
      const turned = ["normal breast", "benign tumor", "malignant tumor"];
      const first = (await createClassifier({ ...context, bank: spoken })).logits(images, 5);
      const other = (await createClassifier({ ...context, bank: spoken, classes: turned })).logits(images, 5);
      for (let i = 0; i < 5; i++)
        for (const [c, name] of turned.entries()) expect(other[i * 3 + c]).toBeCloseTo(first[i * 3 + classes.indexOf(name)]!, 4);
    });

    it("is refused where they do not fit, are no embeddings, or are said and absent", () => {
      const broken = [
        { text, share: 1.5 },
        { text, share: Number.NaN },
        { text: { ...text, shape: [3, 4, D] as const }, share },
        { text: { data: text.data.subarray(D), shape: text.shape }, share },
        { text: { data: text.data.map((x) => 2 * x), shape: text.shape }, share },
        { text: { data: text.data.map(() => Number.NaN), shape: text.shape }, share },
      ];
      for (const untrained of broken)
        expect(() => writeBank({ ...bank, mixture: { ...bank.mixture!, untrained } })).toThrow(
          expect.objectContaining({ code: "bad_bank" }),
        );
      const { tensors, metadata } = openSafetensors(writeBank(spoken));
      const kept = [...tensors].map(([name, t]) => ({ name, dtype: t.dtype, shape: t.shape, bytes: () => t.bytes() }));
      const without = kept.filter(({ name }) => name !== "text_untrained");
      expect(() => readBank(writeSafetensors(without, metadata))).toThrow(expect.objectContaining({ code: "bad_bank" }));
    });
  });

  it("gives each class the same score whatever the order asked for, compiled or not", async () => {
    const turned = ["normal breast", "benign tumor", "malignant tumor"];
    const compiled = await compileBank(context, bank);
    const first = (await createClassifier({ ...context, bank })).logits(images, 5);
    for (const from of [bank, compiled]) {
      const other = (await createClassifier({ ...context, bank: from, classes: turned })).logits(images, 5);
      for (let i = 0; i < 5; i++)
        for (const [c, name] of turned.entries())
          expect(other[i * 3 + c]).toBeCloseTo(first[i * 3 + classes.indexOf(name)] ?? Number.NaN, 4);
    }
  });

  it("leaves the mixture out for classes that it was not learned on", async () => {
    const wider = [...classes, "cyst"];
    const asked = await createClassifier({ ...context, bank, classes: wider });
    expect(asked.bank.mixture).toBeUndefined();
    expect(asked.logits(images, 5)).toEqual((await createClassifier({ ...context, bank: plain, classes: wider })).logits(images, 5));
  });

  it("is refused where its parts do not fit each other, the classes or the model", async () => {
    const mixture = bank.mixture;
    if (mixture === undefined) throw new Error("the bank has a mixture");
    const broken: Partial<typeof mixture>[] = [
      { a: -1 },
      { w: Number.NaN },
      { v: 1.5 },
      { temperature: 0 },
      { temperature: Number.POSITIVE_INFINITY },
      { expertB: floats(2) },
      { expertW: floats(3 * D - 1) },
      { expertW: Float32Array.from(mixture.expertW, () => Number.POSITIVE_INFINITY) },
      { ctx: { data: floats(2 * 3 * W), shape: [2, 3, W] } },
    ];
    for (const part of broken)
      expect(() => writeBank({ ...bank, mixture: { ...mixture, ...part } })).toThrow(expect.objectContaining({ code: "bad_bank" }));
    const narrow = { ...mixture, expertW: floats(3 * (D - 1)) };
    await expect(compileBank(context, { ...bank, mixture: narrow })).rejects.toMatchObject({ code: "bad_bank" });
    const { tensors, metadata } = openSafetensors(writeBank(bank));
    const whole = [...tensors].map(([name, t]) => ({ name, dtype: t.dtype, shape: t.shape, bytes: () => t.bytes() }));
    for (const temperature of ['"1"', "null", "0", "-1"]) {
      const mixture = `{"a":0.3,"w":0.1,"v":0.5,"temperature":${temperature}}`;
      expect(() => readBank(writeSafetensors(whole, { ...metadata, mixture })), temperature).toThrow(
        expect.objectContaining({ code: "bad_bank" }),
      );
    }
    const without = [...tensors]
      .filter(([name]) => name !== "expert.b")
      .map(([name, t]) => ({ name, dtype: t.dtype, shape: t.shape, bytes: () => t.bytes() }));
    expect(() => readBank(writeSafetensors(without, metadata))).toThrow(expect.objectContaining({ code: "bad_bank" }));
  });

  it("damaged anywhere is read as some bank or refused with a code (R1)", () => {
    const sound = writeBank(bank);
    let refused = 0;
    for (const bytes of mutations(3, sound, cases(500))) {
      try {
        readBank(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(BiovlmError);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(0);
  });
});

// From pixels to a routed prediction with the embedded model: zero-shot banks, learned banks over any classes, compiled banks, refusals.

import { cpuBackend } from "@biovlm/backend-cuda";
import { loadCore, type RgbImage } from "@biovlm/core";
import { tinyModel } from "@biovlm/model-tiny/node";
import { describe, expect, it } from "vitest";
import {
  attributeBank,
  compileBank,
  createClassifier,
  DEFAULT_TEMPLATES,
  type PromptBank,
  readBank,
  templateBank,
  writeBank,
} from "../src/index.js";
import { UNTRAINED_RHO } from "../src/prompts.js";

const core = await loadCore({ deterministic: true });
const model = await tinyModel();
const encoder = await cpuBackend({ threads: 1, maxBatch: 3 }).open(model.graphs);
const context = { core, encoder, model };
const classes = ["benign tumor", "malignant tumor", "normal breast"];

function picture(seed: number, width = 40, height = 52): RgbImage {
  return {
    data: Uint8Array.from({ length: width * height * 3 }, (_, i) => 127 + 120 * Math.sin(seed * 7 + i / (5 + seed))),
    width,
    height,
  };
}
const pictures = Array.from({ length: 7 }, (_, i) => picture(i + 1, 40 + i, 60 - i));

const learned: PromptBank = {
  modelDigest: model.digest,
  recipe: "biovlm",
  options: { embedding: "word" },
  rho: 0.5,
  promptSuffix: ".",
  classes,
  logitScale: model.spec.logitScale,
  createdBy: "test",
  ctx: {
    data: Float32Array.from({ length: 5 * 4 * model.spec.text.width }, (_, i) => 0.3 * Math.sin(i * 1.7)),
    shape: [5, 4, model.spec.text.width],
  },
};

describe("zero-shot banks", () => {
  it("of templates have one prompt a template, named by it", async () => {
    const bank = await templateBank(context, classes);
    expect(bank.text!.shape).toEqual([DEFAULT_TEMPLATES.length, 3, model.spec.embedDim]);
    expect(new Set(DEFAULT_TEMPLATES).size).toBe(DEFAULT_TEMPLATES.length);
    expect(bank.options["prompts"]).toEqual(DEFAULT_TEMPLATES);
    const row = await templateBank(context, classes, { templates: [DEFAULT_TEMPLATES[3]!] });
    const { embedDim: D } = model.spec;
    const wanted = bank.text!.data.subarray(3 * 3 * D, 4 * 3 * D);
    for (let i = 0; i < wanted.length; i++) expect(row.text!.data[i]).toBeCloseTo(wanted[i]!, 5);
  });

  it("take class names as they are: no pattern characters, underscores as spaces", async () => {
    const [odd] = [await templateBank(context, ["$& and {}", "x"], { templates: ["scan of {}."] })];
    expect(odd!.classes).toEqual(["$& and {}", "x"]);
    const [a, b] = await Promise.all([
      templateBank(context, ["benign_tumor"], { templates: ["{}"] }),
      templateBank(context, ["benign tumor"], { templates: ["{}"] }),
    ]);
    expect(a.text!.data).toEqual(b.text!.data);
  });

  it("of attributes pair the m-th sentence of every class", async () => {
    const bank = await attributeBank(
      context,
      ["a", "b"],
      [
        ["one", "two", "three"],
        ["uno", "due", "tre"],
      ],
    );
    expect(bank.text!.shape.slice(0, 2)).toEqual([3, 2]);
    const due = await templateBank(context, ["due"], { templates: ["{}"] });
    const { embedDim: D } = model.spec;
    for (let i = 0; i < D; i++) expect(bank.text!.data[3 * D + i]).toBeCloseTo(due.text!.data[i]!, 5);
  });

  it("refuse templates without a place, unlike lists of attributes, and class lists that cannot be", async () => {
    await expect(templateBank(context, classes, { templates: ["a photo"] })).rejects.toMatchObject({ code: "bad_argument" });
    await expect(templateBank(context, classes, { templates: ["{} and {}"] })).rejects.toMatchObject({ code: "bad_argument" });
    await expect(templateBank(context, classes, { templates: [] })).rejects.toMatchObject({ code: "bad_argument" });
    await expect(attributeBank(context, ["a", "b"], [["one"], []])).rejects.toMatchObject({ code: "bad_argument" });
    await expect(attributeBank(context, ["a", "b"], [["one"]])).rejects.toMatchObject({ code: "bad_argument" });
    await expect(templateBank(context, [])).rejects.toMatchObject({ code: "bad_classes" });
    await expect(templateBank(context, ["a", "a"])).rejects.toMatchObject({ code: "bad_classes" });
  });
});

describe("the classifier", () => {
  it("gives each image every class by probability, the kept prompts by entropy, and with explain every prompt's own answer", async () => {
    const bank = await templateBank(context, classes);
    const classifier = await createClassifier({ ...context, bank });
    const answers = await classifier.classify(pictures, { explain: true });
    expect(answers).toHaveLength(7);
    for (const { predictions, kept, prompts } of answers) {
      expect([...predictions].map((p) => p.class).sort()).toEqual([...classes].sort());
      expect(predictions.reduce((s, p) => s + p.probability, 0)).toBeCloseTo(1, 5);
      for (let i = 1; i < predictions.length; i++) expect(predictions[i]!.probability).toBeLessThanOrEqual(predictions[i - 1]!.probability);
      expect(kept).toHaveLength(Math.floor(UNTRAINED_RHO * DEFAULT_TEMPLATES.length));
      for (let i = 1; i < kept.length; i++) expect(kept[i]!.entropy).toBeGreaterThanOrEqual(kept[i - 1]!.entropy);
      expect(prompts!.map((p) => p.name)).toEqual(DEFAULT_TEMPLATES);
      const chosen = prompts!.filter((p) => p.kept).map((p) => p.index);
      expect(chosen.sort((a, b) => a - b)).toEqual(kept.map((k) => k.prompt).sort((a, b) => a - b));
      const worstKept = Math.max(...kept.map((k) => k.entropy));
      for (const p of prompts!) {
        if (!p.kept) expect(p.entropy).toBeGreaterThanOrEqual(worstKept);
        const entropy = -p.probabilities.reduce((s, x) => s + (x > 0 ? x * Math.log(x) : 0), 0);
        expect(p.entropy).toBeCloseTo(entropy, 4);
      }
    }
  });

  it("answers the same whether images come together, alone, or as embeddings", async () => {
    const classifier = await createClassifier({ ...context, bank: learned });
    const together = await classifier.classify(pictures);
    for (const [i, image] of pictures.entries()) {
      const [alone] = await classifier.classify([image]);
      expect(alone!.kept.map((k) => k.prompt)).toEqual(together[i]!.kept.map((k) => k.prompt));
      for (const [c, p] of alone!.predictions.entries()) expect(p.probability).toBeCloseTo(together[i]!.predictions[c]!.probability, 5);
    }
    expect(await classifier.classify([])).toEqual([]);
    expect(() => classifier.classifyEmbeddings(new Float32Array(model.spec.embedDim + 1))).toThrow(/rows of/);
  });

  it("makes pixels with the mean and std that a bank was learned with", async () => {
    const own = await createClassifier({ ...context, bank: learned });
    const released = await createClassifier({
      ...context,
      bank: { ...learned, options: { ...learned.options, normalisation: "imagenet" } },
    });
    expect(own.pixels).toEqual({ size: model.spec.vision.imageSize, mean: model.spec.mean, std: model.spec.std });
    expect(released.pixels).toMatchObject({ mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] });
    const { size } = released.pixels;
    const pixels = new Float32Array(3 * size * size);
    core.preprocess(pictures[0]!, released.pixels, pixels, 0);
    const { data } = await encoder.encodeImages(pixels, 1);
    expect(await released.classify([pictures[0]!])).toEqual(released.classifyEmbeddings(data));
    expect(await released.classify([pictures[0]!])).not.toEqual(await own.classify([pictures[0]!]));
  });

  it("reports the time of each part, and stops when told to", async () => {
    const classifier = await createClassifier({ ...context, bank: learned });
    const parts: string[] = [];
    const onTiming = (part: string, ms: number) => {
      expect(ms).toBeGreaterThanOrEqual(0);
      parts.push(part);
    };
    await classifier.classify(pictures, { onTiming });
    expect(parts.filter((p) => p === "encode")).toHaveLength(3);
    expect(parts.at(-1)).toBe("route");
    const reason = new Error("enough");
    await expect(classifier.classify(pictures, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it("serves a learned bank for classes it never saw; a compiled one for its own classes, also a part of them, without the text tower", async () => {
    const open = await createClassifier({ ...context, bank: learned, classes: ["glioma", "no tumor"] });
    expect(open.classes).toEqual(["glioma", "no tumor"]);
    const full = await compileBank(context, learned);
    const { ctx: _, ...textOnly } = full;
    const file = readBank(writeBank(textOnly));
    const silent = {
      ...encoder,
      capabilities: encoder.capabilities,
      encodeImages: encoder.encodeImages.bind(encoder),
      encodePrompts: () => Promise.reject(new Error("text tower asked")),
    };
    const [fromFile, fromCtx] = await Promise.all([
      createClassifier({ core, model, encoder: silent as unknown as typeof encoder, bank: file }),
      createClassifier({ ...context, bank: learned }),
    ]);
    expect(await fromFile.classify(pictures)).toEqual(await fromCtx.classify(pictures));
    const part = await createClassifier({ ...context, bank: file, classes: [classes[2]!, classes[0]!] });
    expect(part.bank.text.shape[1]).toBe(2);
    await expect(createClassifier({ ...context, bank: file, classes: ["glioma"] })).rejects.toMatchObject({ code: "bad_classes" });
  });

  it("compiles many prompts in parts as it does at once", async () => {
    const many = Array.from({ length: 300 }, (_, i) => `class ${i}`);
    const whole = await compileBank(context, learned, many);
    const D = model.spec.embedDim;
    for (const c of [0, 137, 299]) {
      const one = await compileBank(context, learned, [many[c]!]);
      for (const n of [0, 4]) {
        for (let i = 0; i < D; i++) expect(one.text.data[n * D + i]).toBeCloseTo(whole.text.data[(n * 300 + c) * D + i]!, 5);
      }
    }
  });

  it("refuses another model's bank, bad shares and bad class lists", async () => {
    const parts = { ...context, bank: learned };
    await expect(createClassifier({ ...parts, bank: { ...learned, modelDigest: `sha256:${"0".repeat(64)}` } })).rejects.toMatchObject({
      code: "model_mismatch",
    });
    await expect(createClassifier({ ...parts, rho: 0 })).rejects.toMatchObject({ code: "bad_argument" });
    await expect(createClassifier({ ...parts, rho: Number.NaN })).rejects.toMatchObject({ code: "bad_argument" });
    await expect(createClassifier({ ...parts, classes: [] })).rejects.toMatchObject({ code: "bad_classes" });
    await expect(createClassifier({ ...parts, classes: ["a", "a"] })).rejects.toMatchObject({ code: "bad_classes" });
    await expect(createClassifier({ ...parts, bank: { ...learned, options: { embedding: "twice" } } })).rejects.toMatchObject({
      code: "bad_bank",
    });
  });

  it("keeps one prompt at least, and all of them with rho 1", async () => {
    for (const [rho, K] of [
      [0.01, 1],
      [1, 5],
    ] as const) {
      const classifier = await createClassifier({ ...context, bank: learned, rho });
      expect((await classifier.classify([pictures[0]!]))[0]!.kept).toHaveLength(K);
    }
  });
});

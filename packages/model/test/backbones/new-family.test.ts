// Adding a family of models takes one folder (letters/) and one row (the list below): it loads, encodes on a backend, carries prompts and
// classifies. And no file of the package outside src/backbones names a key of a checkpoint.

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { cpuBackend } from "@biovlm/backend-cuda";
import { loadCore } from "@biovlm/core";
import { describe, expect, it } from "vitest";
import { biomedclip, KNOWN_BACKBONES, writeSafetensors } from "../../src/backbone.js";
import { createClassifier, loadModel, templateBank } from "../../src/index.js";
import { classTokens, promptFrame } from "../../src/prompts.js";
import { seededFloats } from "../../src/testing/index.js";
import { letters } from "./letters/letters.js";

const [D, V, W, S] = [4, 30, 6, 8];
const backbones = [...KNOWN_BACKBONES, letters];
const shapes = { "see.out": [D, 3], "say.letters": [V, W], "say.out": [D, W] };
const values = new Map(
  Object.entries(shapes).map(([name, shape], i) => [
    name,
    seededFloats(
      i + 1,
      shape.reduce((a, b) => a * b, 1),
    ),
  ]),
);
const weights = writeSafetensors(
  Object.entries(shapes).map(([name, shape]) => {
    const data = values.get(name) ?? new Float32Array(0);
    return { name, dtype: "F32" as const, shape, bytes: () => new Uint8Array(data.buffer) };
  }),
);
const texts = { "letters.json": JSON.stringify({ side: S, length: 16 }) };
const load = () => loadModel({ weights, texts }, { name: "toy", backbones });

/** rows [k] times matrix [D,k]ᵀ, by definition. */
const projected = (row: readonly number[], matrix: Float32Array) =>
  Array.from({ length: D }, (_, d) => row.reduce((sum, x, i) => sum + x * (matrix[d * row.length + i] ?? Number.NaN), 0));

describe("a family of one folder and one row", () => {
  it("loads, says its name, and encodes images and texts as it defines them", async () => {
    const model = await load();
    expect(model.backbone).toBe("letters");
    expect(model.spec).toMatchObject({ embedDim: D, vision: { imageSize: S }, text: { width: W } });
    const encoder = await cpuBackend({ threads: 1 }).open(model.graphs);
    const pixels = seededFloats(9, 3 * S * S);
    const means = [0, 1, 2].map((c) => pixels.subarray(c * S * S, (c + 1) * S * S).reduce((a, b) => a + b, 0) / (S * S));
    const image = await encoder.encodeImages(pixels, 1);
    for (const [d, x] of projected(means, values.get("see.out") ?? new Float32Array(0)).entries()) expect(image.data[d]).toBeCloseTo(x, 5);

    const ids = Int32Array.from(model.tokenizer.encode("ab"));
    const table = values.get("say.letters") ?? new Float32Array(0);
    const mean = Array.from({ length: W }, (_, i) => ids.reduce((sum, id) => sum + (table[id * W + i] ?? Number.NaN), 0) / ids.length);
    const text = await encoder.encodeTexts(ids, new Uint8Array(ids.length).fill(1), [1, ids.length]);
    for (const [d, x] of projected(mean, values.get("say.out") ?? new Float32Array(0)).entries()) expect(text.data[d]).toBeCloseTo(x, 5);
    await encoder.close();
  });

  it("puts context vectors where its own frame says, refuses what it has not, and classifies", async () => {
    const model = await load();
    const tokens = classTokens(model, ["a", "bc"], 3);
    expect([...tokens.ids.subarray(0, 7)]).toEqual([2, 3, 3, 3, 3, 4, model.tokenizer.encode(".")[2]]);
    const frame = promptFrame(model, tokens, 3);
    const ctx = new Float32Array(3 * W).fill(7);
    const { embeddings } = frame.rows(ctx, 1);
    expect([...embeddings.subarray(2 * W, 5 * W)]).toEqual([...ctx]);
    expect(() => promptFrame(model, tokens, 3, "released")).toThrow(/expected a family that has it/);

    const core = await loadCore({ deterministic: true });
    const encoder = await cpuBackend({ threads: 1 }).open(model.graphs);
    const bank = await templateBank({ core, encoder, model }, ["a", "bc"], { templates: ["{}."] });
    const classifier = await createClassifier({ core, encoder, model, bank });
    const [answer] = await classifier.classify([{ width: 9, height: 8, data: new Uint8Array(9 * 8 * 3).fill(90) }]);
    expect(answer?.predictions.map((p) => p.class).sort()).toEqual(["a", "bc"]);
    await encoder.close();
  });

  it("is refused, with the list of known families, where its row is missing; a required file is asked for by name", async () => {
    await expect(loadModel({ weights, texts }, { name: "toy" })).rejects.toMatchObject({
      code: "unsupported_model",
      message: expect.stringContaining("biomedclip"),
    });
    await expect(loadModel({ weights, texts: {} }, { name: "toy", backbones })).rejects.toMatchObject({ code: "missing_file" });
  });

  it("is the only place that knows its keys: outside src/backbones no file names a key of BiomedCLIP's", () => {
    const root = fileURLToPath(new URL("../../src/", import.meta.url));
    const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
    expect(files.length).toBeGreaterThan(50);
    const keys = /visual\.(?:trunk|head)|text\.(?:transformer|proj\.)|vision_model\.|text_model\./;
    const naming = files.filter((file) => keys.test(readFileSync(`${root}${file}`, "utf8")));
    expect(naming.length).toBeGreaterThan(0);
    expect(naming.filter((file) => !file.startsWith("backbones"))).toEqual([]);
    expect(biomedclip.recognises(["visual.trunk.cls_token"], {})).toBe(true);
  });
});

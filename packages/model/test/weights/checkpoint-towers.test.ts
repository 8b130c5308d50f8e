// A model folder whose weights are a torch checkpoint, used as it lies: the towers refer to the .bin in place and give the same bits.

import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cpuBackend } from "@biovlm/backend-cuda";
import { seeded, torchFile } from "@biovlm/testkit";
import { afterAll, describe, expect, it } from "vitest";
import { loadModel } from "../../src/backbones/load-model.js";
import { loadModelFolder } from "../../src/node/load-model-folder.js";
import { openWeightsFile } from "../../src/node/weights-file.js";

const tiny = fileURLToPath(new URL("../../../model-tiny/files/", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "biovlm-checkpoint-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("a model whose weights are a torch checkpoint", () => {
  it("runs from the file in place, bit for bit as from safetensors, and from memory too", async () => {
    const stored = openWeightsFile(join(tiny, "model.safetensors"));
    const tensors = stored.weights.keys().map((name) => {
      const tensor = stored.weights.get(name);
      return { name, dtype: "F32" as const, shape: tensor.shape, chunks: () => [tensor.bytes()] };
    });
    writeFileSync(join(folder, "open_clip_pytorch_model.bin"), Buffer.concat([...torchFile(tensors)]));
    const { v_heads, t_heads } = stored.weights.metadata;
    stored.close();
    writeFileSync(join(folder, "config.json"), JSON.stringify({ v_heads: Number(v_heads), t_heads: Number(t_heads) }));
    for (const name of ["open_clip_config.json", "tokenizer.json"]) cpSync(join(tiny, name), join(folder, name));

    const text = (name: string) => readFileSync(join(folder, name), "utf8");
    const names = ["open_clip_config.json", "tokenizer.json", "config.json"];
    const texts = Object.fromEntries(names.map((name) => [name, text(name)]));
    const inMemory = (path: string) => loadModel({ texts, weights: new Uint8Array(readFileSync(path)) }, { name: "m" });
    const models = [
      await inMemory(join(tiny, "model.safetensors")),
      await loadModelFolder(folder),
      await inMemory(join(folder, "open_clip_pytorch_model.bin")),
    ] as const;
    const random = seeded(2);
    const { imageSize } = models[0].spec.vision;
    const pixels = Float32Array.from({ length: 2 * 3 * imageSize ** 2 }, () => random.next() * 4 - 2);
    const rows = models[0].tokenizer.encodeBatch(["a chest X-ray", "a histology image of a tumour"]);
    const answers: string[] = [];
    for (const model of models) {
      expect(model.digest).toBe(models[0].digest);
      const encoder = await cpuBackend({ threads: 1 }).open(model.graphs);
      const image = await encoder.encodeImages(pixels, 2);
      const sentence = await encoder.encodeTexts(rows.ids, rows.mask, rows.shape);
      answers.push([...image.data, ...sentence.data].join());
      await encoder.close();
    }
    expect(answers[1]).toBe(answers[0]);
    expect(answers[2]).toBe(answers[0]);
    models[1].close();
    // the graphs beside the weights hold none of them
    const beside = readdirSync(folder).filter((name) => name.endsWith(".onnx"));
    expect(beside.length).toBeGreaterThan(0);
    const small = beside.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
    expect(small).toBeLessThan(statSync(join(folder, "open_clip_pytorch_model.bin")).size / 4);
  });
});

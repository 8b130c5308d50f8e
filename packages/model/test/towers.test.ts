// The towers against the golden files of plain PyTorch, on onnxruntime-node's cpu: embeddings, routing, and the embedded model's own goldens.

import { readFileSync } from "node:fs";
import { cpuBackend } from "@biovlm/backend-cuda";
import { loadCore } from "@biovlm/core";
import { golden, goldenTensors } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { biomedclip, modelGraphs, openSafetensors, readModel, safetensorsStateDict } from "../src/backbone.js";
import { type Encoder, loadModel } from "../src/index.js";
import { promptFrame } from "../src/prompts.js";

const tiny = new URL("../../model-tiny/files/", import.meta.url);
const core = await loadCore({ deterministic: true });

function farthest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  let most = 0;
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i]! - b[i]!));
  return most;
}

describe("tiny_a on cpu", () => {
  const io = goldenTensors("tiny_a_io.safetensors");
  const numbers = (name: string) => io.get(name)!.data as Float32Array;
  const weights = safetensorsStateDict(openSafetensors(readFileSync(golden("tiny_a_model.safetensors"))));
  const config = JSON.stringify({ model_cfg: { embed_dim: 32, text_cfg: { context_length: 24 } }, preprocess_cfg: {} });
  const read = readModel(weights, { "open_clip_config.json": config, "vocab.txt": "" });
  const { spec } = read;
  const graphs = modelGraphs(read, { digest: `sha256:${"a".repeat(64)}` });
  const opened = cpuBackend({ threads: 1 }).open(graphs);

  it("gives the golden image embeddings within 2e-5", async () => {
    const encoder = await opened;
    const { data } = await encoder.encodeImages(numbers("in.images"), 6);
    expect(farthest(data, numbers("out.image_features_raw"))).toBeLessThanOrEqual(2e-5);
    for (const [pixels, features] of [
      ["in.strong_images", "out.strong_image_features"],
      ["in.weak_images", "out.weak_image_features"],
    ] as const) {
      const rows = await encoder.encodeImages(numbers(pixels), 6);
      expect(farthest(core.l2Normalize(rows.data, 6, 32), numbers(features))).toBeLessThanOrEqual(2e-5);
    }
  });

  it("gives the golden text embeddings within 2e-5, of ids and of prompts in both embeddings", async () => {
    const encoder = await opened;
    const ids = io.get("in.class_ids")!.data as Int32Array;
    const mask = Uint8Array.from(ids, (id) => (id === 0 ? 0 : 1));
    const texts = await encoder.encodeTexts(ids, mask, [5, 24]);
    expect(farthest(texts.data, numbers("out.class_text_raw"))).toBeLessThanOrEqual(2e-5);
    for (const [embedding, name] of [
      ["released", "out.text_features"],
      ["word", "out.word.text_features"],
    ] as const) {
      const frame = promptFrame(
        { spec, frame: biomedclip.frame, embedTokens: biomedclip.embedTokens!(read.weights, spec), graphs },
        { ids, mask, shape: [5, 24] },
        4,
        embedding,
      );
      const rows = frame.rows(numbers("in.ctx"), 10);
      const golden0 = numbers(`out.prompt_words_${embedding}_m0`);
      for (let i = 0; i < golden0.length; i++) {
        if (mask[Math.floor(i / 40)] === 1) expect(Math.abs(rows.embeddings[i]! - golden0[i]!)).toBeLessThanOrEqual(2e-5);
      }
      const { out } = await encoder.encodePrompts(rows);
      expect(farthest(core.l2Normalize(out.data, 50, 32), numbers(name))).toBeLessThanOrEqual(2e-5);
    }
  });

  it("routes as the golden run does: logits and entropies within 1e-4 relative, the same prompts kept", async () => {
    const encoder = await opened;
    const images = await encoder.encodeImages(numbers("in.images"), 6);
    const f = core.l2Normalize(images.data, 6, 32);
    const routing = core.route(f, numbers("out.text_features"), Math.exp(spec.logitScale), 0.5, { B: 6, N: 10, C: 5, D: 32 });
    for (const [got, name] of [
      [routing.logits, "out.logits"],
      [routing.entropy, "out.entropy"],
      [routing.mean, "out.final_logits"],
    ] as const) {
      const wanted = numbers(name);
      for (let i = 0; i < wanted.length; i++)
        expect(Math.abs(got[i]! - wanted[i]!)).toBeLessThanOrEqual(1e-4 * Math.abs(wanted[i]!) + 1e-5);
    }
    expect(Array.from(routing.kept)).toEqual(Array.from(io.get("out.selected")!.data));
  });
});

describe("the embedded model on cpu", () => {
  const forward = openSafetensors(readFileSync(new URL("forward_golden.safetensors", tiny)));
  const tensor = (name: string) => {
    const { bytes, dtype } = forward.tensors.get(name)!;
    const copy = new Uint8Array(bytes()).buffer;
    return dtype === "F32"
      ? new Float32Array(copy)
      : dtype === "I64"
        ? Int32Array.from(new BigInt64Array(copy), Number)
        : new Int32Array(copy);
  };
  const open = async (): Promise<Encoder> => {
    const model = await loadModel(
      {
        weights: readFileSync(new URL("model.safetensors", tiny)),
        texts: {
          "open_clip_config.json": readFileSync(new URL("open_clip_config.json", tiny), "utf8"),
          "tokenizer.json": readFileSync(new URL("tokenizer.json", tiny), "utf8"),
        },
      },
      { name: "tiny" },
    );
    return cpuBackend({ threads: 1 }).open(model.graphs);
  };

  it("gives its golden raw features within 2e-5", async () => {
    const encoder = await open();
    const names = [...forward.tensors.keys()];
    const shape = (name: string) => forward.tensors.get(name)!.shape;
    const images = names.find((n) => shape(n).length === 4)!;
    const ids = names.find((n) => forward.tensors.get(n)!.dtype !== "F32" && shape(n).length === 2)!;
    const [B] = shape(images) as [number];
    const [n, L] = shape(ids) as [number, number];
    const outputs = names.filter((name) => shape(name).length === 2 && forward.tensors.get(name)!.dtype === "F32");
    expect(outputs.length).toBeGreaterThanOrEqual(2);
    const tokens = tensor(ids) as Int32Array;
    const image = await encoder.encodeImages(tensor(images) as Float32Array, B);
    const text = await encoder.encodeTexts(
      tokens,
      Uint8Array.from(tokens, (id) => (id === 0 ? 0 : 1)),
      [n, L],
    );
    for (const name of outputs) {
      const got = /text|txt/.test(name) ? text.data : image.data;
      expect(farthest(got, tensor(name)), name).toBeLessThanOrEqual(2e-5);
    }
  });
});

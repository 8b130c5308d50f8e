// A model of BiomedCLIP's shape in a few kilobytes, for tests that handle models as files. Its weights are seeded and exact in float16.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { seeded, torchFile } from "@biovlm/testkit";
import { expectedShapes } from "../../src/backbones/biomedclip/spec.js";
import { type SafetensorsDtype, type TensorToWrite, writeSafetensors } from "../../src/weights/safetensors.js";

export interface SmallModelOptions {
  readonly seed?: number;
  /** rows of the word table (16 numbers each): the way to make the file larger. Default 40. */
  readonly words?: number;
  readonly dtype?: "F32" | "F16";
  /** put before every tensor's name */
  readonly prefix?: string;
  /** weights as torch.save writes them, in open_clip_pytorch_model.bin, with config.json for the head counts */
  readonly torch?: boolean;
}

/** The files of the model, by name: model.safetensors (or a checkpoint and config.json), open_clip_config.json, vocab.txt. */
export function smallModel({
  seed = 1,
  words = 40,
  dtype = "F32",
  prefix = "",
  torch = false,
}: SmallModelOptions = {}): Record<string, Uint8Array> {
  const shapes = expectedShapes({
    vision: { imageSize: 8, patchSize: 4, width: 16, layers: 1, heads: 2, mlp: 32 },
    text: { vocabularyRows: words, maxPositions: 16, contextLength: 8, width: 16, layers: 1, heads: 2, mlp: 32, projectionHidden: 12 },
    embedDim: 8,
  });
  const random = seeded(seed);
  const tensors: TensorToWrite[] = [...shapes].map(([name, shape]) => {
    const values = Float32Array.from({ length: shape.reduce((n, d) => n * d, 1) }, () => (random.below(4096) - 2048) / 1024);
    return {
      name: prefix + name,
      dtype: dtype as SafetensorsDtype,
      shape,
      bytes: () => (dtype === "F32" ? bytesOf(values) : halves(values)),
    };
  });
  const config = {
    model_cfg: { embed_dim: 8, vision_cfg: { image_size: 8, timm_pool: "" }, text_cfg: { context_length: 8, hf_proj_type: "mlp" } },
  };
  const vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ..."abcdefghijklmnopqrstuvwxyz".split("")];
  const weights: Record<string, Uint8Array> = torch
    ? {
        "open_clip_pytorch_model.bin": new Uint8Array(
          Buffer.concat([...torchFile(tensors.map((t) => ({ ...t, dtype, chunks: () => [t.bytes()] })))]),
        ),
        "config.json": new TextEncoder().encode('{"v_heads": 2, "t_heads": 2}'),
      }
    : { "model.safetensors": writeSafetensors(tensors, { v_heads: "2", t_heads: "2" }) };
  return {
    ...weights,
    "open_clip_config.json": new TextEncoder().encode(JSON.stringify(config)),
    "vocab.txt": new TextEncoder().encode(`${vocabulary.join("\n")}\n`),
  };
}

export function writeFiles(folder: string, files: Readonly<Record<string, Uint8Array>>): string {
  mkdirSync(folder, { recursive: true });
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
  return folder;
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** Exact for multiples of 1/1024 below 2 in magnitude. */
function halves(values: Float32Array): Uint8Array {
  const out = new DataView(new ArrayBuffer(values.length * 2));
  for (const [i, value] of values.entries()) {
    let [mantissa, exponent] = [Math.abs(value), 15];
    if (mantissa === 0) continue;
    while (mantissa >= 2) [mantissa, exponent] = [mantissa / 2, exponent + 1];
    while (mantissa < 1) [mantissa, exponent] = [mantissa * 2, exponent - 1];
    out.setUint16(2 * i, (value < 0 ? 0x8000 : 0) | (exponent << 10) | ((mantissa - 1) * 1024), true);
  }
  return new Uint8Array(out.buffer);
}

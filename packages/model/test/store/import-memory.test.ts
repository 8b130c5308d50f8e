// A model of BiomedCLIP's size (196 M parameters of seeded values, 784 MB) comes into the store without ever being in memory as a whole.
// Soak run only: it writes 1.6 GB.

import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BIOMEDCLIP_SIZES, bundleForNode, runChild, soak, torchFile, withinLimit } from "@biovlm/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectedShapes } from "../../src/backbones/biomedclip/spec.js";
import { layOutSafetensors, safetensorsChunks, type TensorToWrite } from "../../src/weights/safetensors.js";

let base = "";

const shapes = () => expectedShapes(BIOMEDCLIP_SIZES);

/** The folder of a full-size model; F16 values are those of F32 where both are written from halves. */
function writeFull(folder: string, dtype: "F32" | "F16", prefix: string, torch: boolean): string {
  mkdirSync(folder, { recursive: true });
  const half = Uint16Array.from({ length: 65_537 }, (_, i) => 0x2000 | (Math.imul(i, 7919) & 0x3ff) | ((i & 1) << 15));
  const block =
    dtype === "F16"
      ? half
      : Float32Array.from(half, (bits) => (bits & 0x8000 ? -1 : 1) * 2 ** (((bits >> 10) & 31) - 15) * (1 + (bits & 0x3ff) / 1024));
  const tensors = [...shapes()].map(
    ([name, shape]): TensorToWrite => ({
      name: prefix + name,
      dtype,
      shape,
      bytes: () => {
        const values = new (block.constructor as typeof Float32Array)(shape.reduce((n, d) => n * d, 1));
        for (let at = 0; at < values.length; at += block.length)
          values.set(block.subarray(0, Math.min(block.length, values.length - at)), at);
        return new Uint8Array(values.buffer);
      },
    }),
  );
  const file = openSync(join(folder, torch ? "open_clip_pytorch_model.bin" : "open_clip_model.safetensors"), "w");
  const chunks = torch
    ? torchFile(tensors.map((t) => ({ ...t, dtype, chunks: () => [t.bytes()] })))
    : safetensorsChunks(layOutSafetensors(tensors));
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) at += writeSync(file, chunk, at, chunk.length - at);
  }
  closeSync(file);
  writeFileSync(
    join(folder, "open_clip_config.json"),
    JSON.stringify({ model_cfg: { embed_dim: 512, text_cfg: { context_length: 256 } } }),
  );
  writeFileSync(join(folder, "vocab.txt"), "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n");
  return folder;
}

describe.skipIf(!soak)("the import of a full-size model", () => {
  beforeAll(() => {
    base = mkdtempSync(join(tmpdir(), "biovlm-memory-"));
  });
  afterAll(() => rmSync(base, { recursive: true, force: true }));

  it("takes far less memory than the file, copied or converted, and gives the same digest", { timeout: 300_000 }, async () => {
    const script = await bundleForNode(join(import.meta.dirname, "store-child.ts"), join(base, "child.mjs"));
    const digests = new Set<string>();
    for (const [dtype, prefix, torch] of [
      ["F32", "", false],
      ["F32", "module.", false],
      ["F16", "", false],
      ["F32", "", true],
    ] as const) {
      const source = writeFull(join(base, torch ? "checkpoint" : "source"), dtype, prefix, torch);
      const { size } = statSync(join(source, torch ? "open_clip_pytorch_model.bin" : "open_clip_model.safetensors"));
      const run = await runChild(script, ["importMeasured", JSON.stringify({ home: join(base, "home"), source })], { limitMs: 120_000 });
      const { ok } = JSON.parse(run.lines.at(-1)!) as { ok: { bytes: number; before: number; seconds: number; digest: string } };
      console.log(
        `${torch ? "torch" : "safetensors"} ${dtype} ${prefix}: file ${(size / 1e6) | 0} MB, peak RSS ${(ok.bytes / 1e6) | 0} MB (${(ok.before / 1e6) | 0} before), ${ok.seconds.toFixed(1)} s`,
      );
      expect(ok.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
      withinLimit("peak RSS, bytes", ok.bytes, size);
      digests.add(ok.digest);
    }
    expect(digests.size).toBe(1);
  });
});

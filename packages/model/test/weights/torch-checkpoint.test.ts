// Checkpoints of PyTorch itself (tools/goldens/data/torch, from make/make_torch_files.py) and of our own writer, read; what is not tensors, refused.

import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { BiovlmError } from "@biovlm/files";
import { attack, BIOMEDCLIP_SIZES, cases, settledRss, soak, torchFile, writeRandomStateDict } from "@biovlm/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectedShapes, readSpec } from "../../src/backbones/biomedclip/spec.js";
import { openWeightsFile } from "../../src/node/weights-file.js";
import { toFloat32 } from "../../src/weights/to-float32.js";
import { openTorch } from "../../src/weights/torch-checkpoint.js";

const golden = (name: string) => join(import.meta.dirname, "../../../../tools/goldens/data/torch", name);
const bytesOf = (name: string) => new Uint8Array(readFileSync(golden(name)));
const expected = JSON.parse(readFileSync(golden("expected.json"), "utf8")) as Record<string, { shape: number[]; values: number[] }>;
const refusal = (...codes: string[]) =>
  expect.objectContaining({
    package: expect.stringMatching(/^(model|files|graph)$/),
    code: expect.stringMatching(`^(${codes.join("|")})$`),
  });

let base = "";
beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), "biovlm-torch-"));
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

/** A small checkpoint of our own writer. */
function ownFile(tensors: { name: string; values: Float32Array; shape: number[] }[]): Uint8Array {
  const pieces = [
    ...torchFile(
      tensors.map(({ name, values, shape }) => ({ name, dtype: "F32" as const, shape, chunks: () => [new Uint8Array(values.buffer)] })),
    ),
  ];
  return new Uint8Array(Buffer.concat(pieces));
}

describe("a checkpoint of PyTorch", () => {
  it.each(["zip.pt", "stream.pt", "training.pt"])(
    "gives the names, shapes and values that PyTorch sees, views made contiguous: %s",
    (name) => {
      const weights = openTorch(bytesOf(name), { crc32 });
      expect([...weights.keys()].sort()).toEqual(Object.keys(expected).sort());
      for (const [key, { shape, values }] of Object.entries(expected)) {
        const tensor = weights.get(key);
        expect(tensor.shape, key).toEqual(shape);
        expect([...toFloat32("F32", tensor.bytes())], key).toEqual(values.map(Math.fround));
      }
      expect(weights.get("half").storedAs).toBe("F16");
      expect(weights.get("1.num_batches_tracked").storedAs).toBe("I64");
    },
  );

  it.each(["zip.pt", "stream.pt"])("has its float32 tensors where `external` says, so that a graph can refer to them: %s", (name) => {
    const opened = openWeightsFile(golden(name));
    const file = bytesOf(name);
    expect(opened.format).toBe("torch");
    let inPlace = 0;
    for (const key of opened.weights.keys()) {
      const { external, byteLength } = opened.weights.get(key);
      if (external === undefined) continue;
      inPlace++;
      expect(external).toMatchObject({ location: name, length: byteLength });
      expect([...file.subarray(external.offset, external.offset! + byteLength)]).toEqual([...opened.weights.get(key).bytes()]);
    }
    opened.close();
    if (name === "zip.pt") expect(inPlace).toBeGreaterThanOrEqual(8);
    expect(opened.weights.get("0.weight").shape).toEqual([4, 5]);
  });

  it("that holds a whole module is refused by the first class it names", () => {
    expect(() => openTorch(bytesOf("module.pt"))).toThrow(refusal("unsafe_pickle"));
    expect(() => openTorch(bytesOf("module.pt"))).toThrow(/torch\.nn\.modules\.container\.Sequential/);
  });

  it("with a flipped bit in a tensor is found by its checksum", () => {
    const bytes = bytesOf("zip.pt");
    const { external } = openTorch(bytes, { location: "zip.pt" }).get("0.weight");
    bytes[external!.offset! + 5]! ^= 4;
    const weights = openTorch(bytes, { crc32 });
    expect(() => weights.get("0.weight").bytes()).toThrow(refusal("malformed_zip"));
    expect(weights.get("0.bias").bytes()).toHaveLength(16);
  });
});

describe("the reader of checkpoints", () => {
  it("answers every damaged file with a typed error or a state dict, in time and in flat memory (R1)", async () => {
    const samples = Object.fromEntries(["zip.pt", "stream.pt", "training.pt"].map((name) => [name, bytesOf(name)]));
    const report = await attack({
      seed: 31,
      samples,
      count: cases(3000),
      run: (bytes) => {
        const weights = openTorch(bytes, { crc32 });
        for (const key of weights.keys()) weights.get(key).bytes();
      },
      expect: (error) => error instanceof BiovlmError,
    });
    expect(report.refused).toBeGreaterThan(report.cases / 10);
    expect(report.accepted).toBeGreaterThan(0);
  });

  it("refuses every truncation of a file", () => {
    for (const name of ["zip.pt", "stream.pt"]) {
      const bytes = bytesOf(name);
      for (let n = 0; n < bytes.length; n += name === "zip.pt" ? 7 : 5) expect(() => openTorch(bytes.slice(0, n))).toThrow(BiovlmError);
    }
  });

  it("reads what our own writer writes, and names tensors without touching prototypes", () => {
    const bytes = ownFile([
      { name: "__proto__", values: Float32Array.of(1, 2), shape: [2] },
      { name: "constructor", values: Float32Array.of(3), shape: [] },
    ]);
    const weights = openTorch(bytes, { crc32 });
    expect(weights.keys()).toEqual(["__proto__", "constructor"]);
    expect([...toFloat32("F32", weights.get("__proto__").bytes())]).toEqual([1, 2]);
    expect(({} as Record<string, unknown>)["0"]).toBeUndefined();
    expect(weights.has("toString")).toBe(false);
  });

  it("gives a model's spec from a checkpoint of random weights, the same as from safetensors, value by value", () => {
    const shapes = expectedShapes({
      vision: { imageSize: 8, patchSize: 4, width: 16, layers: 2, heads: 2, mlp: 32 },
      text: { vocabularyRows: 40, maxPositions: 16, contextLength: 8, width: 16, layers: 1, heads: 2, mlp: 32, projectionHidden: 12 },
      embedDim: 8,
    });
    const config = { model_cfg: { embed_dim: 8, text_cfg: { context_length: 8 } } };
    const opened = (["torch", "safetensors"] as const).map((format) => {
      const path = join(base, `small.${format}`);
      expect(writeRandomStateDict(path, { format, shapes, seed: 5 })).toBe(statSync(path).size);
      return openWeightsFile(path);
    });
    const [torch, safetensors] = opened.map(({ weights }) => weights) as [(typeof opened)[0]["weights"], (typeof opened)[0]["weights"]];
    const heads = { configJson: { v_heads: 2, t_heads: 2 } };
    expect(readSpec(torch, config, heads)).toEqual(readSpec(safetensors, config, heads));
    for (const key of shapes.keys()) expect(torch.get(key).bytes(), key).toEqual(safetensors.get(key).bytes());
    const norm = toFloat32("F32", torch.get("visual.trunk.norm.weight").bytes());
    expect(Math.abs(norm.reduce((a, b) => a + b) / norm.length - 1)).toBeLessThan(0.15);
    for (const { close } of opened) close();
  });

  it.runIf(soak)("opens BiomedCLIP's full size in seconds and without holding it", { timeout: 120_000 }, () => {
    const path = join(base, "full.bin");
    const started = performance.now();
    const size = writeRandomStateDict(path, { format: "torch", shapes: expectedShapes(BIOMEDCLIP_SIZES), seed: 1 });
    const wrote = performance.now();
    const before = settledRss();
    const { weights, close } = openWeightsFile(path);
    readSpec(weights, { model_cfg: { embed_dim: 512, text_cfg: { context_length: 256 } } });
    const grown = settledRss() - before;
    console.log(
      `${(size / 1e6) | 0} MB written in ${(wrote - started) | 0} ms, opened in ${(performance.now() - wrote) | 0} ms, +${(grown / 1e6).toFixed(1)} MB`,
    );
    close();
    expect(size).toBeGreaterThan(780e6);
    expect(grown).toBeLessThan(64e6);
  });
});

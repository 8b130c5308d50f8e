// External data of ONNX models (R5): whatever leads out of the model's folder is refused before the runtime is called, from files and from memory.

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import promises from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve, sep } from "node:path";
import { cpuBackend } from "@biovlm/backend-cuda";
import { wasmBackend } from "@biovlm/backend-web";
import { GraphBuilder, serializeModel, tensorOf } from "@biovlm/graph";
import { attack, cases } from "@biovlm/testkit";
import { InferenceSession } from "onnxruntime-node";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { EncoderGraphs, OnnxArtifact } from "../src/backend.js";
import { EncoderError } from "../src/index.js";
import { checkArtifact, loadModelFolder } from "../src/node/index.js";

const base = mkdtempSync(join(tmpdir(), "biovlm-artifacts-"));
const inside = join(base, "model");
const outside = join(base, "outside");
const data = Buffer.from(Float32Array.of(1, 2).buffer);
for (const place of [inside, outside, join(inside, "sub")]) mkdirSync(place);
for (const file of ["model/w.bin", "model/sub/w.bin", "outside/w.bin", "w.bin"]) writeFileSync(join(base, file), data);
symlinkSync(join(outside, "w.bin"), join(inside, "absolute-link.bin"));
symlinkSync("../outside/w.bin", join(inside, "relative-link.bin"));
symlinkSync("relative-link.bin", join(inside, "chain.bin"));
symlinkSync(outside, join(inside, "linked-folder"));
symlinkSync("sub/w.bin", join(inside, "link-within.bin"));
symlinkSync("/dev/zero", join(inside, "device.bin"));
symlinkSync("../nowhere", join(inside, "dangling.bin"));
afterAll(() => rmSync(base, { recursive: true, force: true }));

/** pixels + w, with w's two numbers at `location`: written with a plain name of the same length, then overwritten. */
function referring(location: string): Uint8Array {
  const plain = "p".repeat(Buffer.byteLength(location));
  const b = new GraphBuilder("referring");
  const w = { ...tensorOf("float32", [2], Float32Array.of(1, 2)), external: { location: plain, offset: 0, length: 8 } };
  b.output("embedding", b.add(b.input("pixels", "float32", ["n", 2]), b.constant(w)));
  const bytes = Buffer.from(serializeModel(b.build()).model);
  bytes.write(location, bytes.indexOf(plain), "utf8");
  return bytes;
}

const OUTSIDE: readonly (readonly [string, string])[] = [
  ["..", "../outside/w.bin"],
  [".. further down", "sub/../../w.bin"],
  ["an absolute path", join(outside, "w.bin")],
  ["a URL", `file://${join(outside, "w.bin")}`],
  ["backslashes", "..\\outside\\w.bin"],
  ["a drive letter", "C:\\outside\\w.bin"],
  ["a link", "absolute-link.bin"],
  ["a relative link", "relative-link.bin"],
  ["a link to a link", "chain.bin"],
  ["a linked folder", "linked-folder/w.bin"],
  ["a device", "device.bin"],
  ["a link to nothing", "dangling.bin"],
];

/** Graphs whose image tower is the artifact. */
const graphsOf = (sound: EncoderGraphs, artifact: OnnxArtifact): EncoderGraphs => ({ ...sound, image: async () => artifact });

describe("external data of a model (R5)", async () => {
  const sound = await loadModelFolder(resolve(import.meta.dirname, "../../model-tiny/files"));
  afterAll(() => sound.close());
  let opened: string[] = [];
  const { open, readFile } = promises;
  beforeAll(async () => {
    await (await cpuBackend({ threads: 1 }).open(sound.graphs)).close(); // the self-test is over
    const noted = (work: (...given: never[]) => unknown) =>
      ((...given: never[]) => {
        opened.push(String(given[0]));
        return work(...given);
      }) as never;
    Object.assign(promises, { open: noted(open), readFile: noted(readFile) });
    syncBuiltinESMExports();
  });
  afterAll(() => {
    Object.assign(promises, { open, readFile });
    syncBuiltinESMExports();
  });
  afterEach(() => {
    vi.restoreAllMocks();
    opened = [];
  });

  it.each(OUTSIDE)("outside its folder by %s is refused from a file and from memory, and nothing there is opened", async (_, location) => {
    const path = join(inside, "hostile.onnx");
    writeFileSync(path, referring(location));
    const create = vi.spyOn(InferenceSession, "create");
    for (const artifact of [
      { kind: "file", path },
      { kind: "bytes", model: referring(location) },
    ] as const) {
      await expect(checkArtifact(artifact)).rejects.toMatchObject({
        code: expect.stringMatching(/^(unsafe_location|bad_path|missing_file|not_found)$/),
      });
      const encoder = await cpuBackend({ threads: 1 }).open(graphsOf(sound.graphs, artifact));
      create.mockClear();
      const refusal = await encoder.encodeImages(new Float32Array(3 * 64 * 64), 1).catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(EncoderError);
      expect(refusal).toMatchObject({ code: "open_failed" });
      expect(create).not.toHaveBeenCalled();
      await encoder.close();
    }
    expect(opened.filter((name) => !name.startsWith(inside + sep))).toEqual([]);
    expect(opened).toContain(path);
  });

  it("from memory is refused by the wasm runtime too", async () => {
    const backend = wasmBackend({ threads: 1 });
    const encoder = await backend.open(graphsOf(sound.graphs, { kind: "bytes", model: referring("w.bin") }));
    await expect(encoder.encodeImages(new Float32Array(3 * 64 * 64), 1)).rejects.toMatchObject({
      code: "open_failed",
      cause: { code: "missing_file" },
    });
    await encoder.close();
  });

  it.each(["w.bin", "sub/w.bin", "link-within.bin"])("inside its folder at %s is taken", async (location) => {
    const path = join(inside, "sound.onnx");
    writeFileSync(path, referring(location));
    await checkArtifact({ kind: "file", path });
    await checkArtifact({ kind: "bytes", model: referring(location), externalData: [{ path: location, data }] });
  });

  it("is refused where the model is itself a link, a folder, cut, or not there", async () => {
    const real = join(outside, "real.onnx");
    writeFileSync(real, referring("w.bin"));
    const link = join(inside, "link.onnx");
    symlinkSync(real, link);
    const cut = join(inside, "cut.onnx");
    writeFileSync(cut, referring("w.bin").subarray(0, 60));
    for (const [path, code] of [
      [link, "bad_path"],
      [join(inside, "sub"), "bad_path"],
      [cut, "malformed_model"],
      [join(inside, "none.onnx"), "not_found"],
    ] as const) {
      await expect(checkArtifact({ kind: "file", path })).rejects.toMatchObject({ code });
    }
  });

  it("stays inside in every mutated file, or the file is refused with a code", { timeout: 600_000 }, async () => {
    const path = join(inside, "mutated.onnx");
    const report = await attack({
      seed: 55,
      samples: {
        plain: referring("w.bin"),
        deeper: referring("sub/w.bin"),
        link: referring("relative-link.bin"),
        up: referring("../w.bin"),
      },
      count: cases(1000),
      run: async (bytes) => {
        writeFileSync(path, bytes);
        await checkArtifact({ kind: "file", path });
      },
      expect: (error) =>
        typeof (error as { code?: unknown }).code === "string" && /^(graph|model)$/.test(String((error as { package?: unknown }).package)),
    });
    expect(report.refused).toBeGreaterThan(report.cases / 2);
    expect(opened.filter((name) => dirname(name) !== inside)).toEqual([]);
  });
});

describe("a model folder with a file planted where the towers go", () => {
  const files = resolve(import.meta.dirname, "../../model-tiny/files");
  it.each([
    ["a model that points outside", (path: string) => writeFileSync(path, referring("../outside/w.bin"))],
    ["a link to a file outside", (path: string) => symlinkSync(join(outside, "w.bin"), path)],
    ["a link to a device", (path: string) => symlinkSync("/dev/zero", path)],
    ["a pipe", (path: string) => execFileSync("mkfifo", [path])],
  ])("(%s) answers as a clean one, and nothing outside is read or changed", async (_, plant) => {
    const [unharmed, place] = [mkdtempSync(join(base, "clean-")), mkdtempSync(join(base, "planted-"))];
    for (const name of ["open_clip_config.json", "tokenizer.json", "model.safetensors"]) {
      for (const folder of [unharmed, place]) cpSync(join(files, name), join(folder, name));
    }
    const clean = await loadModelFolder(unharmed);
    plant(join(place, `biovlm-image-${clean.digest.slice(7, 19)}.onnx`));
    const model = await loadModelFolder(place);
    const rows: Float32Array[] = [];
    for (const { graphs, spec } of [clean, model]) {
      const encoder = await cpuBackend({ threads: 1 }).open(graphs);
      rows.push((await encoder.encodeImages(new Float32Array(3 * spec.vision.imageSize ** 2).fill(0.5), 1)).data);
      await encoder.close();
    }
    expect(rows[1]).toEqual(rows[0]);
    expect(readFileSync(join(outside, "w.bin"))).toEqual(data);
    clean.close();
    model.close();
  });
});

describe("weights behind a link, as a hub's cache lays them", () => {
  it("go along in the model, and the runtime takes it", async () => {
    const files = resolve(import.meta.dirname, "../../model-tiny/files");
    const snapshot = join(base, "snapshot");
    mkdirSync(snapshot);
    for (const name of ["open_clip_config.json", "tokenizer.json", "model.safetensors"])
      symlinkSync(join(files, name), join(snapshot, name));
    const model = await loadModelFolder(snapshot);
    expect(await model.graphs.image("file")).toMatchObject({ kind: "bytes" });
    const encoder = await cpuBackend({ threads: 1 }).open(model.graphs);
    const { imageSize } = model.spec.vision;
    const { data: row } = await encoder.encodeImages(new Float32Array(3 * imageSize ** 2).fill(0.5), 1);
    expect(row.every(Number.isFinite)).toBe(true);
    await encoder.close();
    model.close();
  });
});

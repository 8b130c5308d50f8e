// The engine over the embedded model: in this process and in child processes, the same answers.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { cpuBackend } from "@biovlm/backend-cuda";
import { loadCore } from "@biovlm/core";
import { decodeImage } from "@biovlm/imaging/node";
import { createClassifier, templateBank, writeBank } from "@biovlm/model";
import { tinyModel } from "@biovlm/model-tiny/node";
import { programFolder } from "@biovlm/testkit";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AnswerSource, Engine, ImageAnswer } from "../src/contract/engine.js";
import { type EngineObserver, SILENT } from "../src/contract/observer.js";
import { createEngine } from "../src/create-engine.js";

const root = join(import.meta.dirname, "../../..");
const CLASSES = ["benign tumor", "malignant tumor", "normal"];
let images: Uint8Array[];
let bankBytes: Uint8Array;
let otherBank: Uint8Array;
let undisturbed: ImageAnswer[];

beforeAll(async () => {
  images = await Promise.all(
    Array.from({ length: 6 }, (_, i) =>
      sharp({ create: { width: 64 + i, height: 48, channels: 3, background: { r: 30 * i, g: 90, b: 200 - 20 * i } } })
        .composite([{ input: { create: { width: 10 + i, height: 12, channels: 3, background: "white" } }, left: 5 * i, top: 8 }])
        .png()
        .toBuffer(),
    ),
  );
  const [core, model] = await Promise.all([loadCore(), tinyModel()]);
  const encoder = await cpuBackend({ threads: 1 }).open(model.graphs);
  const bank = await templateBank({ core, encoder, model }, CLASSES);
  bankBytes = writeBank(bank);
  otherBank = writeBank(await templateBank({ core, encoder, model }, ["pneumonia", "normal lung"]));
  const classifier = await createClassifier({ core, encoder, model, bank });
  undisturbed = [];
  for (const bytes of images) {
    const [answer] = await classifier.classify([await decodeImage(bytes)]);
    undisturbed.push({ ...answer!, sha256: createHash("sha256").update(bytes).digest("hex") });
  }
  await encoder.close();
}, 120_000);
const made: string[] = [];
afterAll(() => {
  for (const each of made) rmSync(each, { recursive: true, force: true });
});

/** The child's entry, compiled from today's sources; native packages keep it from being one bundle. */
function compiledChild(): string {
  const tsc = (...args: string[]) =>
    execFileSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), ...args], { cwd: root });
  tsc("-b", ...["backend-cuda", "backend-web", "imaging", "model-tiny"].map((name) => `packages/${name}`));
  const out = programFolder();
  made.push(out);
  tsc(
    "-p",
    "packages/engine",
    "--noCheck",
    "--composite",
    "false",
    "--incremental",
    "false",
    "--declaration",
    "false",
    "--declarationMap",
    "false",
    "--outDir",
    out,
  );
  return join(out, "pool/child.js");
}

/** An observer that remembers what it was told. */
function recorder() {
  const told = {
    stages: new Set<string>(),
    devices: [] as string[],
    runs: [] as number[],
    kept: 0,
    depth: undefined as (() => number) | undefined,
  };
  const observer: EngineObserver = {
    ...SILENT,
    queue: (_, depth) => {
      told.depth = depth;
    },
    run: (_, count) => void told.runs.push(count),
    answered(_model, _bank, answers, timings: AnswerSource["timings"]) {
      for (const stage of Object.keys(timings)) told.stages.add(stage);
      for (const answer of answers) if ("kept" in answer) told.kept += answer.kept.length;
    },
    encodingEvent: (_, event) => void (event.kind === "started" && told.devices.push(event.device)),
  };
  return Object.assign(told, { observer });
}

function expectSame(got: unknown, wanted: ImageAnswer): void {
  const answer = got as ImageAnswer;
  expect(answer.sha256).toBe(wanted.sha256);
  expect(answer.kept?.map((k) => k.prompt)).toEqual(wanted.kept?.map((k) => k.prompt));
  expect(answer.predictions.map((p) => p.class)).toEqual(wanted.predictions.map((p) => p.class));
  for (const [i, p] of wanted.predictions.entries()) expect(answer.predictions[i]!.probability).toBeCloseTo(p.probability, 5);
}

async function serving(pool: number, more: object = {}): Promise<Engine> {
  const { engine, ready } = await createEngine({
    serve: [
      { name: "scans", model: "tiny", bank: { name: "templates", bytes: bankBytes } },
      { name: "bare", model: "tiny" },
    ],
    device: "cpu",
    threads: 1,
    pool,
    ...more,
  });
  expect(engine.readiness()).toEqual({ ready: false, reason: "warming up" });
  await expect(engine.classify("scans", [images[0]!])).rejects.toMatchObject({ code: "not_ready" });
  await ready;
  return engine;
}

describe.each([
  ["in this process", 0],
  ["in a child process", 1],
])("an engine %s", (_, pool) => {
  let engine: Engine;
  const told = recorder();
  beforeAll(async () => {
    const entry = pool > 0 ? compiledChild() : undefined;
    engine = await serving(pool, { observer: told.observer, ...(entry === undefined ? {} : { poolOptions: { entry } }) });
  }, 300_000);
  afterAll(() => engine?.close(1000));

  it("answers many calls at once as one image alone is answered", async () => {
    expect(engine.readiness()).toEqual({ ready: true });
    const calls = await Promise.all(Array.from({ length: 24 }, (_, i) => engine.classify("scans", [images[i % 6]!, images[(i + 1) % 6]!])));
    for (const [i, { answers, source }] of calls.entries()) {
      expectSame(answers[0], undisturbed[i % 6]!);
      expectSame(answers[1], undisturbed[(i + 1) % 6]!);
      expect(source).toMatchObject({ device: "cpu", fellBack: false, model: { name: "tiny" }, bank: { name: "templates" } });
    }
  });

  it("answers beside a file that is no image, by its code and digest", async () => {
    const { answers } = await engine.classify("scans", [images[1]!, new TextEncoder().encode("no image")]);
    expectSame(answers[0], undisturbed[1]!);
    expect(answers[1]).toMatchObject({ error: { code: "unsupported_format" }, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
  });

  it("classifies its own embeddings as it classifies the images", async () => {
    const { data, shape } = await engine.embedImages("bare", images);
    expect(shape).toEqual([6, engine.model("bare").embedDim]);
    const { answers } = await engine.classifyEmbeddings("scans", data);
    for (const [i, answer] of answers.entries()) expectSame({ ...answer, sha256: undisturbed[i]!.sha256 }, undisturbed[i]!);
  });

  it("embeds texts with unit length and counts their tokens", async () => {
    const { data, shape, tokens } = await engine.embedTexts("bare", ["a chest x-ray", "an eye"]);
    for (let i = 0; i < shape[0]; i++) expect(Math.hypot(...data.subarray(i * shape[1], (i + 1) * shape[1]))).toBeCloseTo(1, 5);
    expect(tokens).toBeGreaterThan(6);
  });

  it("puts a bank in use under a name, refuses one that is none, and leaves what was there", async () => {
    const served = await engine.addBank("lungs", otherBank);
    expect(served.classes).toEqual(["pneumonia", "normal lung"]);
    await expect(engine.addBank("lungs", otherBank.subarray(0, otherBank.length - 7))).rejects.toMatchObject({ code: "bad_bank" });
    const { answers, source } = await engine.classify("scans", [images[0]!], { bank: "lungs" });
    expect(source.bank?.digest).toBe(served.digest);
    expect((answers[0] as ImageAnswer).predictions.map((p) => p.class).sort()).toEqual(["normal lung", "pneumonia"]);
    await expect(engine.classify("scans", [images[0]!], { bank: "none" })).rejects.toMatchObject({ code: "unknown_bank" });
    await expect(engine.classify("bare", [images[0]!])).rejects.toMatchObject({ code: "unknown_bank" });
    await expect(engine.addBank("../up", otherBank)).rejects.toMatchObject({ code: "bad_name" });
  });

  it("refuses a name, share or embedding that cannot be, each by its code", async () => {
    await expect(engine.classify("other", [images[0]!])).rejects.toMatchObject({ code: "unknown_model" });
    await expect(engine.classify("scans", [images[0]!], { rho: 0 })).rejects.toMatchObject({ code: "bad_option" });
    await expect(engine.classify("scans", [images[0]!], { classes: ["never seen"] })).rejects.toMatchObject({ code: "bad_classes" });
    const D = engine.model("scans").embedDim;
    await expect(engine.classifyEmbeddings("scans", new Float32Array(D))).rejects.toMatchObject({ code: "bad_tensor" });
    await expect(engine.classifyEmbeddings("scans", new Float32Array(D).fill(Number.NaN))).rejects.toMatchObject({ code: "bad_tensor" });
    await expect(engine.classify("scans", [images[0]!], { deadline: Date.now() - 1 })).rejects.toMatchObject({ code: "deadline_exceeded" });
  });

  it("tells its observer stages, batches, kept prompts, the device and the depth of its queue", () => {
    expect([...told.stages].sort()).toEqual(["decode", "encode", "preprocess", "queue", "route"]);
    expect(told.devices).toContain("cpu");
    expect(told.runs.every((images) => images >= 1)).toBe(true);
    expect(told.kept).toBeGreaterThan(0);
    expect(told.depth?.()).toBe(0);
  });

  it("finishes what it has when it closes, and is not ready from that moment", async () => {
    const closing = await serving(0);
    const work = Promise.all(images.map((image) => closing.classify("scans", [image])));
    const done = closing.close(10_000);
    expect(closing.readiness()).toEqual({ ready: false, reason: "draining" });
    for (const [i, { answers }] of (await work).entries()) expectSame(answers[0], undisturbed[i]!);
    await done;
    await expect(closing.classify("scans", [images[0]!])).rejects.toMatchObject({ code: "not_ready" });
  });
});

it("answers an image with the same bytes whoever shares its run, in int8 too, where it is to be deterministic", async () => {
  const { engine, ready } = await createEngine({
    serve: [{ name: "tiny", model: "tiny", bank: { name: "tumors", bytes: bankBytes } }],
    device: "cpu",
    threads: 1,
    precision: "int8",
    deterministic: true,
    pool: 0,
  });
  await ready;
  const alone = [];
  for (const image of images) alone.push((await engine.classify("tiny", [image])).answers[0]);
  const together = await engine.classify("tiny", images);
  expect(together.answers).toEqual(alone);
  await engine.close(1000);
});

it("has banks beside the served ones from the start; one that does not fit is left out and told", async () => {
  const refused: string[] = [];
  const { engine, ready } = await createEngine({
    serve: [{ name: "scans", model: "tiny", bank: { name: "b", bytes: bankBytes } }],
    banks: [
      { name: "lungs", bytes: otherBank },
      { name: "torn", bytes: otherBank.subarray(0, 1000) },
    ],
    device: "cpu",
    pool: 0,
    observer: { ...SILENT, bankRefused: (name, code) => refused.push(`${name} ${code}`) },
  });
  await ready;
  expect(engine.banks().map((bank) => bank.name)).toEqual(["b", "lungs"]);
  expect(refused).toEqual(["torn bad_bank"]);
  await expect(engine.addBank("b", otherBank.subarray(0, 1000))).rejects.toMatchObject({ code: "bad_bank" });
  expect(refused.at(-1)).toBe("b bad_bank");
  const { classes } = await engine.classify("scans", [images[0]!], { bank: "lungs" });
  expect(classes).toEqual(["pneumonia", "normal lung"]);
  await engine.close(0);
});

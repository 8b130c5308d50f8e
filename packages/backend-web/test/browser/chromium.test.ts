// backend-web in real Chromium: the conformance suite on wasm and on WebGPU (a software adapter), parity with cpu, training, device loss, delivery.

import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { cpuBackend } from "@biovlm/backend-cuda";
import { loadCore } from "@biovlm/core";
import { templateBank } from "@biovlm/model";
import { encoderPromises, seededFloats, TOY_SPEC, toyPixels, toyTowers } from "@biovlm/model/testing";
import { tinyModel } from "@biovlm/model-tiny/node";
import { cases, withoutProgram } from "@biovlm/testkit";
import { type Browser, launchChromium, openTestPage, type TestPage } from "@biovlm/testkit/browser";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { wasmBackend } from "../../src/index.js";
import type { TestedPage } from "./page.js";
import { toyModel, train } from "./training-run.js";

declare const biovlm: TestedPage;

const near = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const big = new Uint8Array(6 * 2 ** 20).map((_, i) => (i * 17) ^ (i >> 9));
const file = { url: "/files/big.bin", sha256: createHash("sha256").update(big).digest("hex"), bytes: big.length };

function farthest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  let most = 0;
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i]! - b[i]!));
  return most;
}

describe.skipIf(withoutProgram("chromium"))("backend-web in Chromium", () => {
  let browser: Browser;
  let open: TestPage;
  const openPage = (options: { isolated?: boolean } = {}) =>
    openTestPage({
      entry: new URL("./page.ts", import.meta.url),
      browser,
      mounts: {
        "/ort/": near("../../../../node_modules/onnxruntime-web/dist"),
        "/tiny/": near("../../../model-tiny/files"),
      },
      files: { "/files/big.bin": big },
      ...options,
    });

  beforeAll(async () => {
    browser = await launchChromium();
    open = await openPage();
  });
  afterAll(async () => {
    await open?.close();
    await browser?.close();
  });

  describe("wasm keeps the encoder's promises", () => {
    it.each(encoderPromises.map((p, i) => [p.title, i] as const))("%s", async (_, index) => {
      expect(await open.page.evaluate((i) => biovlm.keep("wasm", i), index)).toEqual({ value: undefined });
    });
  });

  describe("wasm in int8 keeps the encoder's promises", () => {
    it.each(encoderPromises.map((p, i) => [p.title, i] as const))("%s", async (_, index) => {
      expect(await open.page.evaluate((i) => biovlm.keepInt8(i), index)).toEqual({ value: undefined });
    });
  });

  describe("webgpu keeps the encoder's promises", () => {
    it.each(encoderPromises.map((p, i) => [p.title, i] as const))("%s", async (_, index) => {
      expect(await open.page.evaluate((i) => biovlm.keep("webgpu", i), index)).toEqual({ value: undefined });
    });
  });

  it("probes say what there is: the adapter and that it is software, threads, and why there is one thread only", async () => {
    const { page } = open;
    expect(await page.evaluate(() => biovlm.probe("webgpu"))).toMatchObject({
      available: true,
      score: 5,
      detail: expect.stringMatching(/swiftshader.*\(software\)/i),
    });
    expect(await page.evaluate(() => biovlm.adapter())).toMatchObject({ available: true, software: true });
    expect(await page.evaluate(() => biovlm.threads())).toEqual({ threads: expect.any(Number) });
    const bare = await openPage({ isolated: false });
    try {
      const detail = await bare.page.evaluate(() => biovlm.probe("wasm"));
      expect(detail).toMatchObject({
        available: true,
        detail: expect.stringMatching(/^onnxruntime-web, 1 thread \(.*cross-origin isolated/),
      });
    } finally {
      await bare.close();
    }
  });

  it.each(["wasm", "webgpu"] as const)(
    "embeds the embedded model's images and texts on %s as on cpu within 1e-4, and keeps the same prompts",
    async (device) => {
      const core = await loadCore({ deterministic: true });
      const model = await tinyModel();
      const encoder = await cpuBackend({ threads: 1 }).open(model.graphs);
      const bank = await templateBank({ core, encoder, model }, ["benign tumor", "malignant tumor", "normal tissue"]);
      const [N, C, D] = bank.text!.shape;
      const S = model.spec.vision.imageSize;
      const B = 4;
      const pixels = seededFloats(9, B * 3 * S * S);
      const images = await encoder.encodeImages(pixels, B);
      const ids = Int32Array.from(model.tokenizer.encode("a photo of a tumor."));
      const texts = await encoder.encodeTexts(ids, new Uint8Array(ids.length).fill(1), [1, ids.length]);
      const wanted = core.route(core.l2Normalize(images.data, B, D), bank.text!.data, Math.exp(model.spec.logitScale), 0.5, { B, N, C, D });
      const got = await open.page.evaluate(([d, ...rest]) => biovlm.embed(d, ...rest), [
        device,
        Array.from(pixels),
        B,
        Array.from(bank.text!.data),
        [N, C],
      ] as const as Parameters<TestedPage["embed"]>);
      expect(farthest(got.images, images.data)).toBeLessThanOrEqual(1e-4);
      expect(farthest(got.texts, texts.data)).toBeLessThanOrEqual(1e-4);
      const K = wanted.kept.length / B;
      let compared = 0;
      for (let b = 0; b < B; b++) {
        const entropies = Array.from(wanted.entropy.subarray(b * N, (b + 1) * N)).sort((x, y) => x - y);
        if (entropies[K]! - entropies[K - 1]! <= 1e-4) continue;
        const set = (kept: ArrayLike<number>) =>
          Array.from(kept)
            .slice(b * K, (b + 1) * K)
            .sort((x, y) => x - y);
        expect(set(got.kept)).toEqual(set(wanted.kept));
        compared++;
      }
      expect(compared).toBeGreaterThan(0);
    },
  );

  it("R23: trains the bank that Node trains: on wasm with one thread byte for byte, on webgpu within 1e-3", async () => {
    const single = await openPage();
    try {
      await single.page.goto(`${single.origin}/?threads=1`);
      await single.page.waitForFunction("globalThis.__entryRan === true");
      const tiny = await tinyModel();
      const wanted = await train(tiny, await wasmBackend({ threads: 1, maxBatch: 4 }).open(tiny.graphs));
      const inPage = await single.page.evaluate(() => biovlm.trainTiny("wasm"));
      expect(Buffer.compare(Buffer.from(inPage), wanted.bytes)).toBe(0);
      const toy = toyModel();
      const { ctx } = await train(toy, await wasmBackend({ threads: 1, maxBatch: 4 }).open(toy.graphs));
      expect(farthest(await single.page.evaluate(() => biovlm.trainToy("webgpu")), ctx)).toBeLessThanOrEqual(1e-3);
    } finally {
      await single.close();
    }
  });

  it(`R12: answers rightly though its device is destroyed mid-run (${cases(20, 20)} times): on a new device, told each time`, async () => {
    const times = cases(20, 20);
    const { farthest: error, changes, device } = await open.page.evaluate((n) => biovlm.loseDevice(n), times);
    expect(error).toBeLessThanOrEqual(1e-4);
    expect(device).toBe("webgpu");
    expect(changes.length).toBe(times);
    for (const change of changes) expect(change).toMatchObject({ from: "webgpu", to: "webgpu" });
  }, 300_000);

  it("falls to wasm, visibly, when no device is left under auto; a named device refuses and works again once there is one", async () => {
    const wanted = toyTowers().images(toyPixels(1), 1);
    const auto = await open.page.evaluate(() => biovlm.loseLastDevice(false));
    expect(farthest(auto.numbers, wanted)).toBeLessThanOrEqual(1e-4);
    expect(auto.device).toBe("wasm");
    expect(auto.changes).toEqual([{ from: "webgpu", to: "wasm", reason: expect.stringMatching(/device was lost/i) }]);
    const named = await open.page.evaluate(() => biovlm.loseLastDevice(true));
    expect(named).toMatchObject({ code: "run_failed", numbers: [], device: "webgpu" });
    expect(farthest(named.again, wanted)).toBeLessThanOrEqual(1e-4);
    expect(named.again.length).toBe(TOY_SPEC.embedDim);
  });

  it("keeps a delivered file over a reload, goes on by Range where it was stopped, and clears", async () => {
    const kept = await openPage();
    const asked: (string | undefined)[] = [];
    try {
      const { page } = kept;
      await page.route("**/files/big.bin", (route) => {
        const range = route.request().headers()["range"];
        asked.push(range);
        if (range === undefined) return route.continue();
        const from = Number(/^bytes=(\d+)-$/.exec(range)![1]);
        const body = Buffer.from(big.subarray(from));
        return route.fulfill({ status: 206, headers: { "Content-Range": `bytes ${from}-${big.length - 1}/${big.length}` }, body });
      });
      const sum = big.reduce((a, b) => (a + b) % 65_521, 0);
      const stopped = await page.evaluate((f) => biovlm.deliver(f, 5 * 2 ** 20), file);
      expect(stopped).toMatchObject({ message: "stopped by the test", keys: 1 });
      await page.reload();
      await page.waitForFunction("globalThis.__entryRan === true");
      const resumed = await page.evaluate((f) => biovlm.deliver(f), file);
      expect(resumed).toMatchObject({ value: { sum, resumedAt: 4 * 2 ** 20 }, keys: 2 });
      expect(resumed.memoryOnly).toBeUndefined();
      expect(asked).toEqual([undefined, `bytes=${4 * 2 ** 20}-`]);
      await page.reload();
      await page.waitForFunction("globalThis.__entryRan === true");
      expect(await page.evaluate((f) => biovlm.deliver(f), file)).toMatchObject({ value: { sum, resumedAt: big.length } });
      expect(asked.length).toBe(2);
      expect(await page.evaluate(() => biovlm.clear())).toEqual({ cleared: 2, left: 0 });
    } finally {
      await kept.close();
    }
  });

  it("delivers without keeping where the browser has no room, and says so; refuses other content", async () => {
    const small = await openPage();
    try {
      const session = await small.page.context().newCDPSession(small.page);
      await session.send("Storage.overrideQuotaForOrigin", { origin: small.origin, quotaSize: 2 ** 20 });
      const { value, keys, ...rest } = await small.page.evaluate((f) => biovlm.deliver(f), file);
      expect(value, JSON.stringify({ value, keys, rest, room: await small.page.evaluate(() => biovlm.room()) })).toMatchObject({
        resumedAt: 0,
        notKept: expect.stringMatching(/\S/),
      });
      expect(keys).toBe(0);
      expect(await small.page.evaluate(() => biovlm.room())).toMatchObject({ free: expect.any(Number) });
      const other = await small.page.evaluate((f) => biovlm.deliver(f), { ...file, sha256: "0".repeat(64) });
      expect(other).toMatchObject({ code: "integrity", keys: 0 });
    } finally {
      await small.close();
    }
  });

  it("asked nobody but its own server, under a policy without eval", () => {
    expect(open.external).toEqual([]);
    expect(open.log.filter((line) => /Content.Security.Policy|uncaught/i.test(line))).toEqual([]);
  });
});

// R10–R12: children that die, hang or compute NaN. Every answer given meanwhile is the undisturbed one.

import { rmSync } from "node:fs";
import { join } from "node:path";
import { bundleForNode, cases, greyPng as greyBits, madeCine, programFolder, soak } from "@biovlm/testkit";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { EncodingEvent } from "../src/contract/encoding.js";
import type { EngineError } from "../src/contract/errors.js";
import { EncoderPool, type PoolOptions } from "../src/pool/encoder-pool.js";
import { greyPng, greyRow } from "./toy-encoder.js";

if (soak) vi.setConfig({ testTimeout: 300_000 });
const folder = programFolder();
let entry: string;
beforeAll(async () => {
  entry = await bundleForNode(join(import.meta.dirname, "failing-child.ts"), join(folder, "child.mjs"));
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const open = new Set<EncoderPool>();
afterEach(async () => {
  for (const pool of open) await pool.close();
  open.clear();
});

async function started(faults: string, options: Partial<PoolOptions> = {}): Promise<{ pool: EncoderPool; events: EncodingEvent[] }> {
  const events: EncodingEvent[] = [];
  const pool = new EncoderPool({
    size: 1,
    entry,
    spec: { model: faults, device: "cpu", precision: "fp32", deterministic: true },
    limits: { maxBytes: 1e6, maxPixels: 1e6 },
    onEvent: (event) => events.push(event),
    ...options,
  });
  open.add(pool);
  await pool.start();
  return { pool, events };
}

const expectRow = (image: unknown, grey: number) => {
  const { row } = image as { row: Float32Array };
  for (const [i, x] of greyRow(grey).entries()) expect(row[i]).toBeCloseTo(x, 5);
};

/** NRRD of two slices, 40 and 90. */
const madeVolume = () =>
  new Uint8Array(
    Buffer.from(
      `NRRD0004\ntype: uchar\ndimension: 3\nsizes: 16 16 2\nencoding: raw\n\n${"\x28".repeat(256)}${"\x5a".repeat(256)}`,
      "latin1",
    ),
  );

describe("a pool of encoder processes", () => {
  it("embeds bytes that a caller has, as it embeds their pixels", async () => {
    const { pool } = await started("none");
    const rgb = new Uint8Array(2 * 192).fill(51, 0, 192).fill(204, 192);
    const { data, shape } = await pool.encoder.encodeRgb!(rgb, 2, { mean: [0, 0, 0], std: [1, 1, 1] });
    expect(shape).toEqual([2, 4]);
    for (const [i, grey] of [51, 204].entries()) expectRow({ row: data.subarray(i * 4, i * 4 + 4) }, grey);
    const pixels = Float32Array.from(rgb, (byte) => byte / 255);
    expect((await pool.encoder.encodeImages(pixels, 2)).data).toEqual(data);
  });

  it("gives each image its row, and a file that is no image its code, in order", async () => {
    const { pool } = await started("");
    const { images, device, fellBack } = await pool.encodeFiles([await greyPng(10), new Uint8Array([1, 2, 3]), await greyPng(200)]);
    expectRow(images[0], 10);
    expect(images[1]).toMatchObject({ error: { code: "unsupported_format" } });
    expectRow(images[2], 200);
    expect({ device, fellBack }).toEqual({ device: "cpu", fellBack: false });
    // a Node process takes tens of megabytes
    expect(pool.memory()).toBeGreaterThan(10 * 2 ** 20);
  });

  it("says how its children showed an image, in the window and the range that they were given", async () => {
    const limits = { maxBytes: 1e6, maxPixels: 1e6, window: { center: 100, width: 50 }, range: { low: 0, high: 1023 } };
    const { pool } = await started("", { limits });
    const { images } = await pool.encodeFiles([madeCine([20, 90, 200], 16), greyBits(16, 16, 16, () => 204), await greyPng(7)]);
    expect(images[0]).toMatchObject({
      dicom: { frame: 2, frames: 3, modality: "US", inverted: false, window: { center: 100, width: 50, source: "asked" } },
    });
    expectRow(images[0], Math.floor(((90 - 100 + 0.5) / 49 + 0.5) * 255));
    expectRow(images[1], 51);
    expect(images[2]).not.toHaveProperty("dicom");
    expect(images[2]).not.toHaveProperty("notes");
    const [volume] = (await pool.encodeFiles([madeVolume()])).images;
    expect(volume).toMatchObject({
      slice: { plane: "axial", frame: 2, frames: 2, notes: [expect.stringContaining("does not say how it lies")] },
    });
    expect(volume).not.toHaveProperty("notes");
    expectRow(volume, Math.floor(((90 - 100 + 0.5) / 49 + 0.5) * 255));
  });

  it(`R10: answers every batch rightly while its children are killed ${cases(100)} times`, async () => {
    const kills = cases(100);
    const { pool, events } = await started("", { size: 2, breakAfter: 1e6 });
    const pngs = await Promise.all(Array.from({ length: 16 }, (_, i) => greyPng(20 + i)));
    let killed = 0;
    let answered = 0;
    const unavailable: string[] = [];
    let slowest = 0;
    const killer = (async () => {
      while (killed < kills) {
        await new Promise((done) => setTimeout(done, 300));
        const [pid] = pool.pids();
        // by answers, not by the clock alone: a loaded machine gets no more kills than it can answer between
        if (pid === undefined || answered < 4 * killed) continue;
        process.kill(pid, "SIGKILL");
        killed++;
      }
    })();
    const client = async (from: number) => {
      for (let i = from; killed < kills; i++) {
        const at = [i % 16, (i + 5) % 16];
        const asked = performance.now();
        try {
          const { images } = await pool.encodeFiles(at.map((k) => pngs[k]!));
          for (const [j, k] of at.entries()) {
            if ("row" in images[j]!) expectRow(images[j], 20 + k);
            else unavailable.push((images[j] as { error: { code: string } }).error.code);
          }
          answered++;
        } catch (error) {
          unavailable.push((error as { code: string }).code);
        }
        slowest = Math.max(slowest, performance.now() - asked);
        // four clients: about 20 calls a second
        await new Promise((done) => setTimeout(done, 180));
      }
    };
    await Promise.all([killer, ...Array.from({ length: 4 }, (_, i) => client(i * 3))]);
    const { images } = await pool.encodeFiles([pngs[0]!]);
    expectRow(images[0], 20);
    expect(answered).toBeGreaterThanOrEqual(4 * (kills - 1));
    console.log(`slowest answer among ${killed} kills: ${slowest.toFixed(0)} ms`);
    expect(new Set(unavailable)).toEqual(new Set(unavailable.length > 0 ? ["backend_unavailable"] : []));
    expect(events.filter((e) => e.kind === "crashed").length).toBeGreaterThanOrEqual(kills - 2);
  });

  it("lets the image that kills its process fail alone", async () => {
    const { pool } = await started("poison");
    const { images } = await pool.encodeFiles([await greyPng(50), await greyPng(13), await greyPng(60)]);
    expectRow(images[0], 50);
    expect(images[1]).toMatchObject({ error: { code: "backend_unavailable" } });
    expectRow(images[2], 60);
  });

  it(`R11: lets the image that takes all memory fail alone, ${cases(20)} times`, async () => {
    const before = process.env["NODE_OPTIONS"];
    // the child's heap, so that it is full soon
    process.env["NODE_OPTIONS"] = "--max-old-space-size=48";
    try {
      const { pool, events } = await started("", { breakAfter: 1e6 });
      for (let i = 0; i < cases(20); i++) {
        const { images } = await pool.encodeFiles([await greyPng(50 + i), await greyPng(16), await greyPng(90 + i)]);
        expectRow(images[0], 50 + i);
        expect(images[1]).toMatchObject({ error: { code: "backend_unavailable" } });
        expectRow(images[2], 90 + i);
      }
      const ends = events.flatMap((event) => (event.kind === "crashed" ? [event.reason] : []));
      // with the batch, then alone
      expect(ends).toEqual(
        Array.from({ length: 2 * cases(20) }, () => expect.stringMatching(/^(signal SIGABRT|signal SIGTRAP|exit code 134)$/)),
      );
    } finally {
      if (before === undefined) delete process.env["NODE_OPTIONS"];
      else process.env["NODE_OPTIONS"] = before;
    }
  });

  it("reads a file frame by frame, and says of each frame why it has no row", async () => {
    const { pool } = await started("");
    const stack = await pool.encodeStack(madeCine([20, 90, 200], 16), { shown: {}, step: 2, place: true });
    expect([stack.frames, stack.images.map(({ frame }) => frame), stack.place?.frames]).toEqual([3, [1, 3], 3]);
    expectRow(stack.images[0], 20);
    expectRow(stack.images[1], 200);
    const [volume] = (await pool.encodeStack(madeVolume(), { shown: { frame: 0, window: { center: 127.5, width: 255 } } })).images;
    expectRow(volume, 40);
    const [bad] = (await pool.encodeStack(new Uint8Array([1, 2, 3]), { shown: {}, step: 1 })).images;
    expect(bad).toMatchObject({ error: { code: "unsupported_format" } });
  });

  it("stops at the frame it is at once nobody waits for the others, and answers whoever asks meanwhile", async () => {
    const { pool } = await started("");
    const leaves = new AbortController();
    const told: number[] = [];
    const onFrames = (frames: number) => {
      told.push(frames);
      leaves.abort(new Error("gone"));
    };
    // had it gone on, it would come with all of its rows
    const cine = madeCine(new Array<number>(2000).fill(50), 16);
    const asked = pool.encodeStack(cine, { shown: {}, step: 1 }, { signal: leaves.signal, onFrames });
    const [, beside] = await Promise.all([expect(asked).rejects.toThrow("gone"), pool.encodeFiles([await greyPng(70)])]);
    expectRow(beside.images[0], 70);
    expect(told).toEqual([2000]);
  });

  it("tries a file whose frame kills its process once more, and then says so", async () => {
    const { pool, events } = await started("poison");
    const killed = pool.encodeStack(madeCine([50, 13, 60], 16), { shown: {}, step: 1 });
    await expect(killed).rejects.toMatchObject({ code: "backend_unavailable" });
    expectRow((await pool.encodeFiles([await greyPng(90)])).images[0], 90);
    expect(events.filter(({ kind }) => kind === "crashed")).toHaveLength(2);
  });

  it("ends a child that hangs and answers the others", async () => {
    const { pool, events } = await started("", { jobMs: 500 });
    const [hung, fine] = await Promise.all([
      pool.encodeFiles([await greyPng(15)]).catch((e: unknown) => e),
      pool.encodeFiles([await greyPng(70)]),
    ]);
    expect(hung).toMatchObject({ code: "backend_unavailable" });
    expectRow(fine.images[0], 70);
    expect(events).toContainEqual({ kind: "crashed", reason: "no answer after 500 ms" });
  });

  it("R12: says bad_output for NaN and never gives a row of it", async () => {
    const { pool } = await started("");
    const { images } = await pool.encodeFiles(await Promise.all([14, 200].map(greyPng)));
    expect(images.map((image) => ("error" in image ? image.error.code : image.row.length))).toEqual(["bad_output", 4]);
  });

  it("leaves a device that kills its children for the next, where the device is auto", async () => {
    const { pool, events } = await started("cuda-dies-opening", {
      spec: { model: "cuda-dies-opening", device: "auto", precision: "fp32", deterministic: true },
      backOffMs: [5, 20],
    });
    const { images, device, fellBack } = await pool.encodeFiles([await greyPng(30)]);
    expectRow(images[0], 30);
    expect({ device, fellBack }).toEqual({ device: "cpu", fellBack: true });
    expect(events).toContainEqual(expect.objectContaining({ kind: "fell_back", from: "cuda" }));
  });

  it("never leaves a named device: it says unavailable at start", async () => {
    const { code, message } = (await started("refuse").catch((error: unknown) => error)) as EngineError;
    expect(code).toBe("backend_unavailable");
    // the device's own words end a sentence once
    expect(message).toMatch(/[^.]\. Try again\.$/);
  });

  it("replaces a child by runs, with no gap", async () => {
    const { pool, events } = await started("", { recycleRuns: 3 });
    const [first] = pool.pids();
    for (let i = 0; i < 20; i++) {
      const { images } = await pool.encodeFiles([await greyPng(40 + i)]);
      expectRow(images[0], 40 + i);
    }
    await expect.poll(() => pool.pids().includes(first!), { timeout: 5000 }).toBe(false);
    expect(events).toContainEqual({ kind: "recycled", reason: "runs" });
    expect(events.filter((e) => e.kind === "crashed")).toEqual([]);
  });

  it("refuses work at once after close, and leaves no process", async () => {
    const { pool } = await started("");
    const pids = pool.pids();
    await pool.close();
    await expect(pool.encodeFiles([await greyPng(1)])).rejects.toMatchObject({ code: "not_ready" });
    const alive = () =>
      pids.filter((pid) => {
        try {
          process.kill(pid, 0);
          return true;
        } catch {
          return false;
        }
      });
    await expect.poll(alive, { timeout: 5000 }).toEqual([]);
  });
});

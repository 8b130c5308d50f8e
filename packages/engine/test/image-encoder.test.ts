// What a process decodes at once: small images side by side, the largest one after another, whatever one client sends.

import { readFileSync } from "node:fs";
import { loadCore } from "@biovlm/core";
import { EncoderError } from "@biovlm/model";
import { golden } from "@biovlm/testkit";
import sharp from "sharp";
import { beforeAll, describe, expect, it } from "vitest";
import { decoderThreads, imageEncoder } from "../src/images/image-encoder.js";
import { greyPng, greyRow, TOY_SPEC, toyEncoder } from "./toy-encoder.js";

const core = await loadCore();

/** An encoder over what `fast` says, and the most images that were in it at once. */
function counting() {
  const seen = { now: 0, most: 0 };
  const { files: encode } = imageEncoder({
    core,
    model: { spec: TOY_SPEC },
    encoder: toyEncoder("cpu"),
    limits: { maxBytes: 2 ** 26, maxPixels: 64_000_000 },
    maxBatch: 32,
    maxQueueDelayMs: 0,
    async fast() {
      seen.most = Math.max(seen.most, ++seen.now);
      for (let turn = 0; turn < 20; turn++) await new Promise((done) => setImmediate(done));
      seen.now--;
      return new Uint8Array(3 * 8 * 8);
    },
  });
  return { encode, seen };
}

describe("images decoded at once", () => {
  let small: Uint8Array;
  let large: Uint8Array;
  let deep: Uint8Array;
  beforeAll(async () => {
    const flat = (width: number, height: number) =>
      sharp({ create: { width, height, channels: 3, background: "#777" }, limitInputPixels: false });
    small = await flat(64, 64).png().toBuffer();
    // a few kilobytes that claim 64 megapixels, and half as many of 16 bits
    large = await flat(8000, 8000).toColourspace("b-w").png({ palette: true, colours: 2 }).toBuffer();
    deep = await flat(8000, 4000).toColourspace("rgb16").png().toBuffer();
  }, 60_000);

  it("are as many as there are turns where they are small", async () => {
    const { encode, seen } = counting();
    const { images } = await encode(Array.from({ length: 40 }, () => small));
    expect(images.every((image) => "row" in image)).toBe(true);
    expect(seen.most).toBe(2 * decoderThreads());
  });

  it("are one where they are the largest, or half as large with 16 bits; small ones behind them have their turn", async () => {
    for (const one of [large, deep]) {
      const { encode, seen } = counting();
      const files = [one, small, one, small, small, one];
      const { images } = await encode(files);
      expect(images).toHaveLength(files.length);
      expect(images.every((image) => "row" in image)).toBe(true);
      expect(seen.now).toBe(0);
      const alone = counting();
      await alone.encode([one, one, one]);
      expect(alone.seen.most).toBe(1);
    }
  });

  it("say which page of a TIFF was read", async () => {
    const { rows } = JSON.parse(readFileSync(golden("tiff-pages.json"), "utf8")) as { rows: { bytes: string }[] };
    const model = { spec: TOY_SPEC };
    const limits = { maxBytes: 2 ** 20, maxPixels: 1_000_000 };
    const { files: encode } = imageEncoder({ core, model, encoder: toyEncoder("cpu"), limits, maxBatch: 4, maxQueueDelayMs: 0 });
    const { images } = await encode([Buffer.from(rows[0]?.bytes ?? "", "base64")]);
    expect(images[0]).toMatchObject({ page: { frame: 2, frames: 3 }, notes: ["page 2 of 3"] });
  });
});

describe("images that meet on the device", () => {
  const encoding = (greys: (grey: number) => boolean) =>
    imageEncoder({
      core,
      model: { spec: TOY_SPEC },
      encoder: toyEncoder("cpu", (grey) => {
        if (greys(grey)) throw new EncoderError("cpu", "bad_output", "toy — expected numbers, got NaN.");
      }),
      limits: { maxBytes: 2 ** 20, maxPixels: 1_000_000 },
      maxBatch: 8,
      maxQueueDelayMs: 20,
    }).files;

  it("do not share the fault of one of which it makes no numbers, whoever sent it; they share that of the device", async () => {
    const files = await Promise.all([3, 77, 200].map(greyPng));
    const encode = encoding((grey) => grey === 77);
    const [ours, theirs] = await Promise.all([encode(files.slice(0, 2)), encode(files.slice(2))]);
    const rows = [ours.images[0]!, theirs.images[0]!].map((image) => "row" in image && [...image.row]);
    expect(rows).toEqual([3, 200].map((grey) => [...Float32Array.from(greyRow(grey))]));
    expect(ours.images[1]).toMatchObject({ sha256: expect.stringMatching(/^[0-9a-f]{64}$/), error: { code: "bad_output" } });
    await expect(encoding(() => true)(files)).rejects.toMatchObject({ code: "bad_output" });
  });
});

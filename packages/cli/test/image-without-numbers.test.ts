// An image of which the device makes no numbers, as float16 may: it is a failed image like any other, and the others have their answers.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { EncoderError } from "@biovlm/model";
import sharp from "sharp";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { call, folder } from "./call.js";

const POISON = 77;
vi.mock("@biovlm/model/backend", async (original) => {
  const real = await original<typeof import("@biovlm/model/backend")>();
  const encodeRgb: typeof real.encodeRgb = (encoder, rgb, batch, ...rest) => {
    const length = rgb.length / batch;
    for (let i = 0; i < batch; i++)
      if (rgb.subarray(i * length, (i + 1) * length).every((byte) => byte === POISON))
        return Promise.reject(new EncoderError("cpu", "bad_output", "a stand-in — expected numbers, got NaN."));
    return real.encodeRgb(encoder, rgb, batch, ...rest);
  };
  return { ...real, encodeRgb };
});

let cwd = "";
beforeAll(async () => {
  cwd = folder();
  for (const grey of [20, POISON, 160]) {
    const background = { r: grey, g: grey, b: grey };
    const png = await sharp({ create: { width: 32, height: 32, channels: 3, background } })
      .png()
      .toBuffer();
    writeFileSync(join(cwd, `${grey}.png`), png);
  }
});

describe("an image of which the device makes no numbers", () => {
  it("is a failed image of embed and of classify, among others that are answered", async () => {
    const embedded = await call(["embed", ".", "--out", "rows.safetensors", "--device", "cpu", "--json"], { cwd });
    expect(embedded.code, embedded.err).toBe(6);
    expect(JSON.parse(embedded.out)).toMatchObject({ rows: 2, failed: 1, failures: [{ file: "77.png", code: "bad_output" }] });
    // it is tried again, and the others are known
    const again = await call(["embed", ".", "--out", "rows.safetensors", "--device", "cpu", "--json"], { cwd });
    expect(JSON.parse(again.out)).toMatchObject({ rows: 2, embedded: 0, failed: 1 });
    const volumes = await call(["embed", ".", "--volumes", "--out", "volumes.safetensors", "--device", "cpu", "--json"], { cwd });
    expect(JSON.parse(volumes.out)).toMatchObject({ rows: 2, failed: 1, failures: [{ file: "77.png", code: "bad_output" }] });
    const words = ["classify", ".", "--class", "a chest X-ray", "--class", "a head CT", "--device", "cpu", "--json"];
    const classified = await call(words, { cwd });
    expect(classified.code, classified.err).toBe(6);
    const images = JSON.parse(classified.out) as { file: string; error?: { code: string }; predictions?: unknown[] }[];
    expect(images.map(({ file, error, predictions }) => [file, error?.code ?? predictions?.length])).toEqual([
      ["160.png", 2],
      ["20.png", 2],
      ["77.png", "bad_output"],
    ]);
  });

  it("is a failed image where it is the only one, too", async () => {
    const alone = await call(["embed", "77.png", "--out", "none.safetensors", "--device", "cpu"], { cwd });
    expect(alone.code).toBe(1);
    expect(alone.err).toMatch(/77\.png: error\[bad_output\]/);
  });
});

// Which files the fast way takes, and what becomes of the others: with a stand-in for the native build, so that it needs none.

import type { NativeHeader } from "@biovlm/core-native";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { fastImages } from "../src/images/fast-images.js";

const SIDE = 8;
const made = { create: { width: 12, height: 10, channels: 3 as const, background: { r: 10, g: 20, b: 30 } } };
const png = new Uint8Array(await sharp(made).png().toBuffer());
const limits = { maxBytes: 1e6, maxPixels: 1e9 };

/** A fast way that notes what reached it. */
async function noting(prepare: () => Promise<Uint8Array | undefined> = async () => new Uint8Array(3 * SIDE * SIDE)) {
  const taken: NativeHeader[] = [];
  const way = await fastImages({}, async () => ({
    images: {
      formats: ["png", "jpeg"],
      prepare(_bytes, header) {
        taken.push(header);
        return prepare();
      },
    },
  }));
  return { way, taken };
}

/** The same PNG with other sizes in its header. */
function withSizes(width: number, height: number): Uint8Array {
  const bytes = png.slice();
  const view = new DataView(bytes.buffer);
  view.setUint32(16, width);
  view.setUint32(20, height);
  return bytes;
}

describe("the fast way for images", () => {
  it("takes what is usual, with the sizes that the header reader found", async () => {
    const { way, taken } = await noting();
    const jpeg = new Uint8Array(await sharp(made).jpeg().toBuffer());
    expect(way.detail).toBe("native png, jpeg");
    expect(await way.prepare?.(png, limits, SIDE)).toHaveLength(3 * SIDE * SIDE);
    await way.prepare?.(jpeg, limits, SIDE);
    expect(taken).toEqual([
      { format: "png", width: 12, height: 10 },
      { format: "jpeg", width: 12, height: 10 },
    ]);
  });

  it("leaves to the ordinary way what that turns, refuses, maps or has something to say of", async () => {
    const { way, taken } = await noting();
    const turned = new Uint8Array(await sharp(made).jpeg().withMetadata({ orientation: 6 }).toBuffer());
    const deep = new Uint8Array(await sharp(made).toColourspace("rgb16").png().toBuffer());
    const webp = new Uint8Array(await sharp(made).webp().toBuffer());
    const left: [Uint8Array, object][] = [
      [turned, {}],
      [deep, {}],
      [webp, {}],
      [png.subarray(0, png.length - 12), {}],
      [png.subarray(0, 20), {}],
      [withSizes(1e5, 1e5), {}],
      [withSizes(5000, 5000), { timeoutMs: 10_000 }],
      [png, { range: { low: 0, high: 255 } }],
      [png, { ultrasoundRegion: true }],
    ];
    for (const [bytes, more] of left) expect(await way.prepare?.(bytes, { ...limits, ...more }, SIDE)).toBeUndefined();
    expect(taken).toEqual([]);
    await way.prepare?.(turned, { ...limits, exif: "ignore" }, SIDE);
    expect(taken).toHaveLength(1);
  });

  it("leaves a file to the ordinary way where the native one fails, and says why there is none", async () => {
    const { way } = await noting(() => Promise.reject(new Error("native")));
    expect(await way.prepare?.(png, limits, SIDE)).toBeUndefined();
    expect(await fastImages({}, async () => ({ reason: "no native build for this machine" }))).toEqual({
      detail: "no native build for this machine",
    });
    expect(await fastImages({ BIOVLM_NATIVE: "off" })).toEqual({ detail: "BIOVLM_NATIVE=off" });
  });
});

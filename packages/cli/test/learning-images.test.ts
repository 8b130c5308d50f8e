// Images of data sets as commands that learn and measure read them: by the native build where it is there, to the bits of sharp and core.

import { loadCore } from "@biovlm/core";
import { nativeImages } from "@biovlm/core-native";
import { seeded, withoutProgram } from "@biovlm/testkit";
import sharp from "sharp";
import { afterEach, expect, it, vi } from "vitest";
import { imagesBy, itemReader } from "../src/learning-source.js";

const absent = withoutProgram("native build") || nativeImages().images === undefined;
const LIMITS = {
  maxImageBytes: 1e7,
  maxPixels: 1e7,
  frame: "middle",
  plane: "axial",
  window: "file",
  range: "file",
  ultrasoundRegion: false,
} as const;
afterEach(() => vi.unstubAllEnvs());

async function files(): Promise<Uint8Array[]> {
  const random = seeded(3);
  const made: Uint8Array[] = [];
  for (const [width, height] of [
    [300, 260],
    [64, 500],
    [224, 224],
  ] as const) {
    const noise = Buffer.from(Uint8Array.from({ length: width * height * 3 }, () => random.below(256)));
    const image = sharp(noise, { raw: { width, height, channels: 3 } });
    made.push(await image.clone().png().toBuffer(), await image.clone().greyscale().png().toBuffer(), await image.jpeg().toBuffer());
  }
  return made;
}

const item = (bytes: Uint8Array, i: number) => ({
  id: String(i),
  index: i,
  label: 0,
  open: async () => ({ kind: "file", bytes }) as const,
});

it.skipIf(absent)("are cropped natively to the very bytes of sharp and core (skipped: no native build)", async () => {
  const core = await loadCore({ deterministic: true });
  const read = itemReader(LIMITS);
  const formats = nativeImages().images?.formats ?? [];
  expect(await imagesBy({})).toBe(`native ${formats.join(", ")}`);
  let native = 0;
  for (const [i, bytes] of (await files()).entries()) {
    const image = await read(item(bytes, i));
    const crop = await image.crop?.(224);
    if (crop === undefined) continue;
    native++;
    expect(Buffer.compare(crop, core.resizeCrop(await image.pixels(), 224))).toBe(0);
  }
  expect(native).toBeGreaterThanOrEqual(3 * formats.length);
});

it("are decoded where the native build is left out, and it is said", async () => {
  vi.stubEnv("BIOVLM_NATIVE", "off");
  expect(await imagesBy({})).toBe("sharp (BIOVLM_NATIVE=off)");
  expect(await imagesBy({ volumes: true })).toBe("sharp and own readers");
  const [bytes] = await files();
  expect(await (await itemReader(LIMITS)(item(bytes ?? new Uint8Array(), 0))).crop?.(224)).toBeUndefined();
});

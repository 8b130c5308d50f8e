// The fast way for images beside sharp and the core: the same bytes or nothing, on real images, on every kind of PNG and JPEG, and on damaged ones.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { loadCore } from "@biovlm/core";
import { readImageInfo, sharpDecoder } from "@biovlm/imaging/node";
import { cases, mutations, seeded, soak, withoutProgram } from "@biovlm/testkit";
import sharp, { type Sharp } from "sharp";
import { describe, expect, it, vi } from "vitest";
import { type NativeFormat, nativeImages } from "../src/index.js";

if (soak) vi.setConfig({ testTimeout: 1_800_000 });

const { images } = nativeImages();
const absent = withoutProgram("native build") || images === undefined;
const core = await loadCore({ deterministic: true });
const decoder = sharpDecoder({ concurrency: 1 });
const S = 64;

/** The fast way with the header that the reader found; undefined where the reader refuses. */
async function fast(bytes: Uint8Array): Promise<Uint8Array | undefined> {
  let header: { format: string; width: number; height: number };
  try {
    header = readImageInfo(bytes);
  } catch {
    return undefined;
  }
  const format = images!.formats.find((name) => name === header.format);
  return format === undefined ? undefined : images!.prepare(bytes, { ...header, format }, S);
}
const slow = async (bytes: Uint8Array) => core.resizeCrop(await decoder.decode(bytes), S);

/** A picture with edges and noise. */
function picture(width: number, height: number, channels: 1 | 3 | 4) {
  const random = seeded(width * height);
  const data = Uint8Array.from({ length: width * height * channels }, (_, i) => ((i * 7) % 251) * 0.7 + random.next() * 70);
  return sharp(data, { raw: { width, height, channels } });
}

const KINDS: readonly [string, () => Sharp][] = [
  ["PNG in colour", () => picture(90, 70, 3).png()],
  ["PNG in grey", () => picture(70, 90, 1).toColourspace("b-w").png()],
  ["PNG with alpha", () => picture(70, 71, 4).png()],
  ["PNG with a palette", () => picture(64, 64, 3).png({ palette: true, colours: 16 })],
  ["PNG interlaced", () => picture(33, 130, 3).png({ progressive: true })],
  ["JPEG 4:2:0", () => picture(91, 71, 3).jpeg({ chromaSubsampling: "4:2:0" })],
  ["JPEG 4:4:4", () => picture(130, 64, 3).jpeg({ chromaSubsampling: "4:4:4", quality: 95 })],
  ["JPEG in grey", () => picture(200, 65, 1).toColourspace("b-w").jpeg()],
  ["JPEG progressive", () => picture(91, 171, 3).jpeg({ progressive: true })],
];

describe("native images", () => {
  it("say why they are absent, where they are: left out, not built, not loadable", () => {
    expect(nativeImages(undefined, { BIOVLM_NATIVE: "off" }).reason).toBe("BIOVLM_NATIVE=off");
    expect(nativeImages("/no/such/library.node", {}).reason).toBe("no native build for this machine");
    expect(nativeImages(import.meta.filename, {}).reason).toMatch(/^the native build does not load: /);
  });

  it.skipIf(absent).each(KINDS)("give the bytes of sharp and the core for a %s (skipped: no native build)", async (kind, make) => {
    const bytes = new Uint8Array(await make().toBuffer());
    const got = await fast(bytes);
    if (kind.startsWith("PNG") || images!.formats.includes("jpeg")) expect(got).toBeDefined();
    if (got !== undefined) expect(Buffer.compare(got, await slow(bytes))).toBe(0);
  });

  it.skipIf(absent)("decline 16 bits, CMYK, a header's other size and bytes that are no image (skipped: no native build)", async () => {
    const wide = new Uint8Array(await picture(20, 20, 3).toColourspace("rgb16").png().toBuffer());
    const inks = new Uint8Array(await picture(20, 20, 3).toColourspace("cmyk").jpeg().toBuffer());
    const plain = new Uint8Array(await picture(20, 20, 3).png().toBuffer());
    const ask = (bytes: Uint8Array, format: NativeFormat, width: number, height = 20) =>
      images!.prepare(bytes, { format, width, height }, S);
    for (const [bytes, format, width] of [
      [wide, "png", 20],
      [inks, "jpeg", 20],
      [plain, "png", 21],
      [plain, "png", 0],
      [plain, "png", 4_000_000_000],
      [plain, "jpeg", 20],
      [new Uint8Array(0), "png", 20],
      [new Uint8Array(100).fill(0xff), "jpeg", 20],
    ] as const)
      expect(await ask(bytes, format, width)).toBeUndefined();
    expect(await images!.prepare(plain, { format: "png", width: 20, height: 20 }, 0)).toBeUndefined();
    expect(await ask(plain, "png", 20)).toBeDefined();
  });

  it.skipIf(absent)(
    "never differ from sharp on a damaged file that they take, and never take one that sharp refuses (skipped: no native build)",
    async () => {
      let taken = 0;
      for (const [, make] of KINDS) {
        const bytes = new Uint8Array(await make().toBuffer());
        for (const damaged of mutations(bytes.length, bytes, cases(10_000, 40))) {
          const got = await fast(damaged);
          if (got === undefined) continue;
          taken++;
          expect(Buffer.compare(got, await slow(damaged))).toBe(0);
        }
      }
      expect(taken).toBeGreaterThan(0);
    },
  );

  const shared = process.env["BIOVLM_SHARED"] ?? resolve("../shared");
  const data = join(shared, "data");
  it.skipIf(absent || !existsSync(data))(
    "give the bytes of sharp and the core for real images (skipped: no native build, or no ../shared)",
    async () => {
      const files = ["busi", "ham10000", "images/png_jpg"].flatMap((folder) =>
        readdirSync(join(data, folder), { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile() && /\.(png|jpe?g)$/i.test(entry.name))
          .map((entry) => join(entry.parentPath, entry.name)),
      );
      let taken = 0;
      for (const path of files.sort().filter((_, i) => soak || i % 400 === 0)) {
        const bytes = new Uint8Array(readFileSync(path));
        const got = await fast(bytes);
        if (got === undefined) continue;
        taken++;
        expect(Buffer.compare(got, await slow(bytes)), path).toBe(0);
      }
      expect(taken).toBeGreaterThan(0);
    },
  );
});

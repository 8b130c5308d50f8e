// Limits and refusals: everything is decided from the header, quickly and without allocating what the header claims.

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { soak, zlibZeroBomb } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { decodeImage as decodeInBrowserEntry } from "../src/index.js";
import { type DecodeOptions, decodeImage, readImageInfo, sharpDecoder } from "../src/node/index.js";
import { chunk, greyTags, header, jpegHeaderOnly, PNG_SIGNATURE, pngBomb, writePng, writeTiff } from "./picture-writer.js";

const fixtures = join(dirname(fileURLToPath(import.meta.url)), "fixtures");
const fixture = (name: string): Uint8Array => readFileSync(join(fixtures, name));
const latin1 = (text: string): Uint8Array => Buffer.from(text, "latin1");
const codeOf = (bytes: Uint8Array, options?: DecodeOptions): Promise<string> =>
  decodeImage(bytes, options).then(
    () => "decoded",
    (error: { code?: string }) => error.code ?? String(error),
  );

/** A canvas of 2^24 pixels a side in an otherwise empty VP8X file. */
function webpBomb(): Uint8Array {
  const out = Buffer.alloc(30, 0xff);
  out.write("RIFF", 0);
  out.writeUInt32LE(22, 4);
  out.write("WEBPVP8X", 8);
  out.writeUInt32LE(10, 16);
  out.writeUInt32LE(0, 20);
  return out;
}

/** A valid progressive JPEG with its first scan repeated. */
function manyScans(count: number): Uint8Array {
  const bytes = Buffer.from(fixture("progressive.jpg"));
  const first = bytes.indexOf(Buffer.of(0xff, 0xda));
  const next = bytes.indexOf(Buffer.of(0xff, 0xc4), first);
  const scan = bytes.subarray(first, next);
  return Buffer.concat([bytes.subarray(0, next), ...Array.from({ length: count }, () => scan), bytes.subarray(next)]);
}

/** A text chunk that inflates to 200 MB, before the pixels. */
function textBomb(): Uint8Array {
  const plain = Buffer.from(writePng({ width: 2, height: 2, depth: 8, colour: 0, sample: () => 9 }));
  const zeros = zlibZeroBomb(200);
  return Buffer.concat([plain.subarray(0, 33), chunk("zTXt", Buffer.concat([latin1("note\0\0"), zeros])), plain.subarray(33)]);
}

/** A fixture with other little-endian numbers of `size` bytes from `at` on. */
function sized(name: string, at: number, numbers: number[], size: 2 | 4): Uint8Array {
  const bytes = Buffer.from(fixture(name));
  for (const [i, number] of numbers.entries()) bytes.writeUIntLE(number, at + i * size, size);
  return bytes;
}

/** A GIF whose frame has another size. */
function sizedFrame(size: number[]): Uint8Array {
  const at = Buffer.from(fixture("palette.gif")).indexOf(Buffer.from([0x2c, 0, 0, 0, 0, 37, 0, 23, 0]));
  expect(at).toBeGreaterThan(0);
  return sized("palette.gif", at + 5, size, 2);
}

/** A codestream that says another size, and another side of its tiles. */
function sizedCodestream([width = 0, height = 0]: number[], tile: number): Uint8Array {
  const bytes = Buffer.from(fixture("rgb.j2k"));
  for (const [at, value] of [
    [8, width],
    [12, height],
    ...(tile === undefined
      ? []
      : [
          [24, tile],
          [28, tile],
        ]),
  ] as const) // prettier-ignore
    bytes.writeUInt32BE(value, at);
  return bytes;
}

const bombs: [string, () => Uint8Array, string][] = [
  ["a 69-byte PNG of 30000 × 30000", () => pngBomb(30000), "too_large"],
  ["a JPEG of 65535 × 65535", () => jpegHeaderOnly(65535, 65535), "too_large"],
  ["a WebP of 16 million pixels a side", webpBomb, "too_large"],
  ["a TIFF of 100000 × 100000", () => writeTiff(greyTags(100000, 100000, 8), Uint8Array.of(0)), "too_large"],
  [
    "a small TIFF with one tile of 2^31 pixels a side",
    () => writeTiff([...greyTags(8, 8, 8), [322, 4, 0x7fffffff], [323, 4, 0x7fffffff]], Uint8Array.of(0)),
    "too_large",
  ],
  ["an animated WebP", () => fixture("animated.webp"), "too_many_frames"],
  ["an animated PNG", () => fixture("animated.png"), "too_many_frames"],
  ["a BMP of 30000 × 30000", () => sized("rgb.bmp", 18, [30000, 30000], 4), "too_large"],
  ["a BMP of run lengths of 60000 × 60000", () => sized("rle8.bmp", 18, [60000, 60000], 4), "too_large"],
  ["a BMP whose rows the file cannot hold", () => sized("rgb.bmp", 18, [4000, 4000], 4), "corrupt_image"],
  ["a PNM of 99999 × 99999", () => latin1("P6 99999 99999 255\n"), "too_large"],
  ["a PNM whose samples the file cannot hold", () => latin1("P5 4000 4000 255\n"), "corrupt_image"],
  ["a PNM of words that the file cannot hold", () => latin1("P3 4000 4000 255\n1 2 3"), "corrupt_image"],
  ["a GIF of 65535 × 65535", () => sized("palette.gif", 6, [65535, 65535], 2), "too_large"],
  ["a GIF whose frame is far larger than its screen", () => sizedFrame([60000, 60000]), "too_large"],
  ["a GIF of too few codes for its size", () => sizedFrame([4000, 4000]), "corrupt_image"],
  ["a JPEG 2000 of 60000 × 60000", () => sizedCodestream([60000, 60000], 60000), "too_large"],
  ["a JPEG 2000 of a million tiles", () => sizedCodestream([4000, 4000], 4), "corrupt_image"],
  ["a TIFF whose directories form a loop", () => writeTiff(greyTags(1, 1, 8), Uint8Array.of(0), 8), "corrupt_image"],
  ["a progressive JPEG of a thousand scans", () => manyScans(1000), "too_large"],
  ["a file of more than 64 MiB", () => new Uint8Array(64 * 1024 * 1024 + 1), "too_large"],
];

describe("limits (R2)", () => {
  it.each(bombs)("refuse %s within 50 MB, in the soak run within 0.3 s of processor time", async (_, make, code) => {
    await decodeImage(fixture("rgb.png"));
    const bytes = make();
    const memory = process.memoryUsage().rss;
    const start = process.cpuUsage();
    expect(await codeOf(bytes)).toBe(code);
    const { user, system } = process.cpuUsage(start);
    if (soak) expect((user + system) / 1000).toBeLessThan(300);
    expect(process.memoryUsage().rss - memory).toBeLessThan(50e6);
    await expect(decodeInBrowserEntry(bytes)).rejects.toMatchObject({ code });
  });

  it("keep a compressed text chunk from filling memory", async () => {
    const bytes = textBomb();
    await decodeImage(fixture("rgb.png"));
    const memory = process.memoryUsage().rss;
    await codeOf(bytes);
    expect(process.memoryUsage().rss - memory).toBeLessThan(50e6);
    expect((await decodeInBrowserEntry(bytes)).data.length).toBe(12);
  });

  it("let extreme shapes within the pixel limit pass", async () => {
    for (const [width, height] of [
      [1, 60000],
      [60000, 1],
    ] as const) {
      // prettier-ignore
      const bytes = writePng({ width, height, depth: 8, colour: 0, filters: [0], sample: (x, y) => (x + y) & 255 });
      const image = await decodeImage(bytes);
      expect([image.width, image.height, image.data[3 * 300]]).toEqual([width, height, 44]);
    }
  });

  it("are inclusive and can be set", async () => {
    const png = fixture("rgb.png");
    expect(await codeOf(png, { maxPixels: 37 * 23 })).toBe("decoded");
    expect(await codeOf(png, { maxPixels: 37 * 23 - 1 })).toBe("too_large");
    expect(await codeOf(png, { maxBytes: png.length })).toBe("decoded");
    expect(await codeOf(png, { maxBytes: png.length - 1 })).toBe("too_large");
    for (const name of ["pages.tif", "animated.webp", "animated.png"])
      expect(await codeOf(fixture(name), { maxFrames: 2 })).toBe("decoded");
  });

  it("refuse unknown options and values out of range by name", async () => {
    await expect(decodeImage(fixture("rgb.png"), { maxPixel: 5 } as DecodeOptions)).rejects.toMatchObject({
      code: "bad_option",
      message: expect.stringContaining("maxPixels"),
    });
    for (const bad of [{ maxPixels: 0 }, { maxBytes: Number.NaN }, { maxFrames: 1.5 }, { timeoutMs: -1 }, { exif: "yes" }, { strict: 1 }]) {
      expect(await codeOf(fixture("rgb.png"), bad as DecodeOptions)).toBe("bad_option");
    }
    expect(() => sharpDecoder({ concurrency: 0 })).toThrow(/concurrency/);
  });

  it("stop a decode that takes longer than timeoutMs", async () => {
    const size = 2000;
    const bytes = writePng({ width: size, height: size, depth: 8, colour: 0, filters: [0], sample: (x, y) => (x * y) & 255 });
    expect(await codeOf(bytes, { timeoutMs: 1 })).toBe("timeout");
  });
});

describe("refusals", () => {
  it.each([
    ["SVG", latin1('\xef\xbb\xbf<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>')],
    ["SVG", latin1("<!-- x --><svg width='9' height='9'/>")],
    ["HTML", latin1("<!DOCTYPE html><title>404</title>")],
    ["JPEG XL", latin1("\xff\x0a\0\0")],
    ["HEIC", latin1("\0\0\0\x18ftypheic")],
    ["gzip", gzipSync("no volume")],
    ["NumPy", latin1("\x93NUMPY\x01\0")],
    ["ZIP", latin1("PK\x03\x04")],
    ["PDF", latin1("%PDF-1.7")],
    ["unrecognised", latin1("hello, world")],
    ["unrecognised", latin1("A")],
  ])("name %s and say what to do", async (name, bytes) => {
    await expect(decodeImage(bytes)).rejects.toMatchObject({
      code: "unsupported_format",
      message: expect.stringMatching(new RegExp(`^[^[]*${name}.*expected .+\\. [A-Z].+\\.`, "s")),
    });
  });

  it("call an empty file empty", async () => {
    expect(await codeOf(new Uint8Array())).toBe("empty_input");
    expect(await codeOf("text" as unknown as Uint8Array)).toBe("bad_option");
  });

  it("refuse variants that would decode to something else than grey values", async () => {
    const float = [...greyTags(1, 1, 32), [339, 3, 3]] as [number, number, number][];
    expect(await codeOf(writeTiff(float, new Uint8Array(4)))).toBe("unsupported_format");
    expect(await codeOf(writeTiff(greyTags(1, 1, 12), new Uint8Array(4)))).toBe("unsupported_format");
    const twelve = Buffer.from(jpegHeaderOnly(8, 8));
    twelve[6] = 12;
    expect(await codeOf(twelve)).toBe("unsupported_format");
    const lossless = Buffer.from(jpegHeaderOnly(8, 8));
    lossless[3] = 0xc3;
    expect(await codeOf(lossless)).toBe("unsupported_format");
  });

  it("find every truncation of every format", async () => {
    for (const name of ["rgb.png", "rgb-90-0.jpg", "progressive.jpg", "lossy.webp", "lossless.webp", "rgb-raw.tif", "rgb-deflate.tif"]) {
      const whole = fixture(name);
      // A TIFF may keep trailing tag data behind its strips, so only cuts into the first nine tenths must be seen.
      // A PNG that lacks its end chunk alone is read (mending.test.ts).
      const last = name.endsWith(".tif") ? Math.floor(whole.length * 0.9) : whole.length - (name.endsWith(".png") ? 13 : 1);
      for (let i = 1; i <= 24; i++) {
        const length = Math.max(1, Math.floor((last * i) / 24));
        expect([name, length, await codeOf(whole.subarray(0, length))]).toEqual([
          name,
          length,
          expect.stringMatching(/^(corrupt_image|unsupported_format)$/),
        ]);
      }
    }
  });

  it("tell a header without pixels from one that lies about them", async () => {
    expect(await codeOf(Buffer.concat([PNG_SIGNATURE, header(0, 5, 8, 0), chunk("IEND", new Uint8Array())]))).toBe("corrupt_image");
    expect(await codeOf(Buffer.concat([PNG_SIGNATURE, header(5, 5, 3, 0), chunk("IEND", new Uint8Array())]))).toBe("corrupt_image");
    const lying = writePng({ width: 4, height: 4, depth: 8, colour: 0, sample: () => 1 });
    const taller = Buffer.concat([lying.subarray(0, 8), header(4, 400, 8, 0), lying.subarray(33)]);
    expect(await codeOf(taller)).toBe("corrupt_image");
    await expect(decodeInBrowserEntry(taller)).rejects.toMatchObject({ code: "corrupt_image" });
  });
});

describe("readImageInfo", () => {
  it("tells what a header says without decoding", () => {
    expect(readImageInfo(fixture("palette-4-bit.png"))).toMatchObject({
      format: "png",
      width: 37,
      height: 23,
      bitDepth: 4,
      colour: "palette",
      frames: 1,
      alpha: false,
    });
    expect(readImageInfo(fixture("turned-6.jpg"))).toMatchObject({ format: "jpeg", width: 37, height: 23, orientation: 6, colour: "rgb" });
    expect(readImageInfo(fixture("alpha-lossless.webp"))).toMatchObject({ format: "webp", alpha: true });
    expect(readImageInfo(fixture("grey16.tif"))).toMatchObject({ format: "tiff", bitDepth: 16, colour: "grey" });
    expect(readImageInfo(fixture("pages.tif"), { maxFrames: 5 })).toMatchObject({ frames: 2 });
  });
});

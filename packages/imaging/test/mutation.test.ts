// R1: seeded mutations of valid files. Every outcome is pixels of the promised size or an ImagingError; nothing crashes, hangs or leaks.

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { crc32 } from "node:zlib";
import { cases, golden, settledRss, soak } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { browserDecoder, decodeImage as decodeInBrowserEntry } from "../src/index.js";
import { type DecodedImage, decodeImage, ImagingError } from "../src/node/index.js";
import { installedCodecs } from "../src/node/installed-codecs.js";
import { PNG_SIGNATURE } from "./picture-writer.js";

const fixtures = join(dirname(fileURLToPath(import.meta.url)), "fixtures");
/** Rows of a golden by the beginnings of their names. */
const tiffs = (JSON.parse(readFileSync(golden("tiff.json"), "utf8")).rows as { name: string; bytes: string }[]).map(
  ({ name, bytes }) => [name, Buffer.from(bytes, "base64")] as const,
);
const kinds = (JSON.parse(readFileSync(golden("tiff-kinds.json"), "utf8")).rows as { bytes: string }[]).map(({ bytes }) =>
  Buffer.from(bytes, "base64"),
);
const seeds: Record<string, (string | Buffer)[]> = {
  zstd: tiffs.filter(([name]) => name.startsWith("zstd")).map(([, bytes]) => bytes),
  "values of 64 bits": tiffs.filter(([name]) => /64/.test(name)).map(([, bytes]) => bytes),
  png: ["rgb.png", "palette-4-bit.png", "rgba.png", "grey16.png", "turned-8.png"],
  jpeg: ["rgb-75-2.jpg", "progressive.jpg", "grey.jpg", "cmyk.jpg", "turned-6.jpg"],
  webp: ["lossy.webp", "lossless.webp", "alpha-lossy.webp", "animated.webp"],
  bmp: ["rgb.bmp", "palette-4-bit.bmp", "rle8.bmp", "rle4.bmp", "32-bit-fields.bmp", "os2.bmp", "bilevel.bmp"],
  pnm: ["rgb.ppm", "rgb-words.ppm", "bilevel.pbm", "bilevel-words.pbm", "grey-16.pgm", "rgba.pam"],
  gif: ["palette.gif", "interlaced.gif", "transparent-apart.gif", "animated.gif"],
  "jpeg-2000": ["rgb.jp2", "rgb.j2k", "rgb-tiles.jp2", "rgb-lossy.jp2", "grey.jp2", "grey16.jp2"],
  "jpeg-2000 with channels": ["palette.jp2", "palette-alpha.jp2", "rgba.jp2", "grey-alpha.jp2", "argb.jp2"],
  values: ["signed-8.tif", "signed-16.tif", "signed-32.tif", "unsigned-32.tif", "float-32.tif"],
  tiff: ["rgb-lzw.tif", "rgb-deflate.tif", "rgb-jpeg.tif", "grey16.tif", "big.tif", "bilevel-group4.tif", "pages.tif"],
};

/** mulberry32 */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One to eight edits: bits, bytes, extreme words, cuts, repeats, overwritten stretches; headers are hit as often as bodies. */
function mutate(bytes: Uint8Array, next: () => number): Uint8Array {
  let out = Buffer.from(bytes);
  const edits = 1 + Math.floor(next() * 8);
  for (let i = 0; i < edits; i++) {
    const reach = next() < 0.5 ? Math.min(128, out.length) : out.length;
    const at = Math.floor(next() * reach);
    const kind = Math.floor(next() * 7);
    if (kind === 0) out[at]! ^= 1 << Math.floor(next() * 8);
    else if (kind === 1) out[at] = Math.floor(next() * 256);
    else if (kind === 2 && at + 4 <= out.length) out.writeUInt32BE([0, 1, 0x7fffffff, 0xffffffff, 0x80000000][Math.floor(next() * 5)]!, at);
    else if (kind === 3 && at + 2 <= out.length) out.writeUInt16LE([0, 0xffff, 0x7fff, 65500][Math.floor(next() * 4)]!, at);
    else if (kind === 4 && next() < 0.3) out = out.subarray(0, Math.max(1, at));
    else if (kind === 5) out = Buffer.concat([out.subarray(0, at), out.subarray(at, at + 64), out.subarray(at)]);
    else if (kind === 6) out.fill(Math.floor(next() * 256), at, Math.min(out.length, at + Math.floor(next() * 32)));
  }
  return next() < 0.5 ? repairChecksums(out) : out;
}

/** Of a PNG: the CRCs of its chunks made right again, so that what lies behind them is reached. */
function repairChecksums(bytes: Buffer): Buffer {
  if (!bytes.subarray(0, 8).equals(PNG_SIGNATURE)) return bytes;
  for (let at = 8; at + 12 <= bytes.length; ) {
    const end = at + 8 + bytes.readUInt32BE(at);
    if (end + 4 > bytes.length) break;
    bytes.writeUInt32BE(crc32(bytes.subarray(at + 4, end)) >>> 0, end);
    at = end + 4;
  }
  return bytes;
}

/** JPEG 2000 whose header claims a square of `side` pixels in one tile: mutations come upon such pictures, seldom and late. */
function claiming(bytes: Uint8Array, side: number): Buffer {
  const out = Buffer.from(bytes);
  const siz = out.indexOf(Buffer.of(0xff, 0x51));
  for (const at of [6, 10, 22, 26]) out.writeUInt32BE(side, siz + at);
  const box = out.indexOf("ihdr");
  if (box >= 0) for (const at of [4, 8]) out.writeUInt32BE(side, box + at);
  return out;
}

async function run(
  decode: (bytes: Uint8Array) => Promise<DecodedImage>,
  names: (string | Buffer)[],
  seed: number,
  count: number,
): Promise<{ slowest: number; refused: number }> {
  const files = names.map((name) => (typeof name === "string" ? readFileSync(join(fixtures, name)) : name));
  const next = random(seed);
  let slowest = 0;
  let refused = 0;
  for (let i = 0; i < count; i++) {
    const bytes = mutate(files[i % files.length]!, next);
    const start = process.cpuUsage();
    try {
      const { data, width, height } = await decode(bytes);
      if (data.length !== width * height * 3) throw new Error(`case ${i}: ${data.length} bytes for ${width}×${height}`);
    } catch (error) {
      if (!(error instanceof ImagingError)) throw new Error(`case ${i} of seed ${seed}: not a typed error`, { cause: error });
      refused++;
    }
    // of the processor: other work beside this must not count
    const { user, system } = process.cpuUsage(start);
    slowest = Math.max(slowest, (user + system) / 1000);
  }
  return { slowest, refused };
}

/** Decodes pictures of four megapixels, as far as they can be. */
async function warmedByLargest(decode: (bytes: Uint8Array) => Promise<DecodedImage>, names: readonly (string | Buffer)[]): Promise<void> {
  let whole = 0;
  for (const name of [...names, ...names]) {
    const bytes = typeof name === "string" ? readFileSync(join(fixtures, name)) : name;
    const image = await decode(claiming(bytes, 2000)).catch((error: unknown) => error);
    if (image instanceof Error) expect(image).toBeInstanceOf(ImagingError);
    else whole++;
  }
  expect(whole).toBeGreaterThan(0);
}

describe("mutated images (R1)", () => {
  it.each(Object.entries(seeds))(
    "of %s are decoded or refused with a typed error, in time and without growth",
    async (format, names) => {
      const count = cases(10_000, 100);
      // what the allocator keeps of a few pictures of 25 megapixels would hide a leak
      const options = {
        maxPixels: 4_000_000,
        ...(/values|zstd/.test(format) ? { range: { low: -5000, high: 5000 } } : {}),
      };
      const decode = (bytes: Uint8Array) => decodeImage(bytes, options);
      // warm-up: threads, code and allocator pools; a tenth beside, as with DICOM and volumes
      await run(decode, names, 1, Math.max(Math.min(100, count), count / 10));
      // what the allocator, and a codec within its bound, keep of the largest pictures is no leak: it is there before the count begins
      if (format.startsWith("jpeg-2000")) await warmedByLargest(decode, names);
      const before = settledRss();
      const { slowest, refused } = await run(decode, names, 2, count);
      const growth = (settledRss() - before) / 1e6;
      console.log(
        `${format}: ${count} cases, ${refused} refused, slowest ${slowest.toFixed(0)} ms of processor time, RSS ${growth >= 0 ? "+" : ""}${growth.toFixed(1)} MB`,
      );
      expect(slowest).toBeLessThan(2000);
      expect(growth).toBeLessThan(64);
      expect(refused).toBeGreaterThan(count / 10);
    },
    soak ? 3_600_000 : 120_000,
  );

  it("of PNG are decoded or refused with a typed error by the browser entry too", async () => {
    const { slowest } = await run(decodeInBrowserEntry, seeds["png"]!, 3, cases(1000));
    expect(slowest).toBeLessThan(2000);
  });

  it(
    "of TIFF are decoded or refused with a typed error by the reader of browsers, in time and without growth",
    async () => {
      const decoder = browserDecoder({ codecs: installedCodecs });
      const decode = (bytes: Uint8Array) => decoder.decode(bytes, { maxPixels: 1_000_000, range: { low: -5000, high: 5000 } });
      const files = [...(seeds["tiff"] ?? []), ...(seeds["values"] ?? []), ...(seeds["zstd"] ?? []), ...kinds];
      await run(decode, files, 5, cases(3000, 100));
      const before = settledRss();
      const { slowest, refused } = await run(decode, files, 6, cases(30_000, 300));
      expect(slowest).toBeLessThan(2000);
      expect(settledRss() - before).toBeLessThan(64 * 1024 * 1024);
      expect(refused).toBeGreaterThan(30);
    },
    soak ? 3_600_000 : 120_000,
  );

  it("of no structure at all are refused", async () => {
    const next = random(4);
    for (let i = 0; i < cases(1000); i++) {
      const bytes = Uint8Array.from({ length: 1 + Math.floor(next() * 300) }, () => Math.floor(next() * 256));
      await expect(decodeImage(bytes)).rejects.toBeInstanceOf(ImagingError);
    }
  });
});

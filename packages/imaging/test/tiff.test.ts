// TIFF that libtiff in sharp does not read: ZSTD, and samples of 64 bits; against what tifffile reads of it.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { golden } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { decodeImage, type ImagingError } from "../src/node/index.js";
import { undoPredictor } from "../src/tiff/predictor.js";
import { greyTags, writeTiff } from "./picture-writer.js";

const { width, height, rows } = JSON.parse(readFileSync(golden("tiff.json"), "utf8")) as {
  readonly width: number;
  readonly height: number;
  readonly rows: readonly {
    readonly name: string;
    readonly bytes: string;
    readonly sha256: string;
    readonly range?: { low: number; high: number };
  }[];
};

describe("TIFF", () => {
  it.each(rows)("$name has the pixels that tifffile reads", async ({ bytes, sha256, range }) => {
    const image = await decodeImage(Buffer.from(bytes, "base64"), { range });
    expect([image.width, image.height]).toEqual([width, height]);
    expect(createHash("sha256").update(image.data).digest("hex")).toBe(sha256);
  });

  it("of 64 bits is refused without a range, as all values that are no shades", async () => {
    for (const { bytes } of rows.filter(({ name }) => /64/.test(name)))
      await expect(decodeImage(Buffer.from(bytes, "base64"))).rejects.toMatchObject({ message: expect.stringContaining("LOW..HIGH") });
  });

  it.each([
    [34_887, "LERC"],
    [34_925, "LZMA"],
    [50_001, "WebP"],
    [34_712, "JPEG 2000"],
    [50_002, "JPEG XL"],
    [6, "old JPEG"],
    [12_345, "a scheme unknown here"],
  ])("compressed by %i is refused by its name, %s", async (compression, name) => {
    const tags = greyTags(4, 1, 8).map((tag) => (tag[0] === 259 ? ([259, 3, compression] as [number, number, number]) : tag));
    const refusal = await decodeImage(writeTiff(tags, new Uint8Array(4))).catch((error: ImagingError) => error);
    expect(refusal).toMatchObject({
      code: "unsupported_format",
      message: expect.stringContaining(`compressed by ${name} (${compression})`),
    });
  });

  it("in tiles of one colour each is refused in words, whatever compresses them", async () => {
    for (const compression of [1, 50_000]) {
      const tags: [number, number, number][] = [
        [256, 4, 16],
        [257, 4, 16],
        [258, 3, 8],
        [259, 3, compression],
        [262, 3, 2],
        [277, 3, 3],
        [284, 3, 2],
        [322, 3, 16],
        [323, 3, 16],
      ];
      await expect(decodeImage(writeTiff(tags, new Uint8Array(4)))).rejects.toMatchObject({
        code: "unsupported_format",
        message: expect.stringContaining("one colour each"),
      });
    }
  });

  it("of 64 bits by a compression of pictures is refused", async () => {
    const tags = [...greyTags(1, 1, 64), [339, 3, 3] as [number, number, number]];
    const jpeg = tags.map((tag) => (tag[0] === 259 ? ([259, 3, 7] as [number, number, number]) : tag));
    await expect(decodeImage(writeTiff(jpeg, new Uint8Array(8)), { range: { low: 0, high: 1 } })).rejects.toMatchObject({
      code: "unsupported_format",
    });
  });
});

describe("a bomb of ZSTD", () => {
  /** 128 KiB of one byte in 3 bytes, as often as asked; a frame that does not say how much it holds. */
  const frame = (blocks: number) => {
    const head = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58];
    const run = (last: boolean) => [0x02 | (last ? 1 : 0), 0x00, 0x10, 0x55];
    return Uint8Array.from([...head, ...Array.from({ length: blocks }, (_, i) => run(i === blocks - 1)).flat()]);
  };
  const zstd = (tags: [number, number, number][]) =>
    tags.map((tag) => (tag[0] === 259 ? ([259, 3, 50_000] as [number, number, number]) : tag));

  it("is unpacked as far as the strip goes, and no further", async () => {
    const { data } = await decodeImage(writeTiff(zstd(greyTags(512, 256, 8)), frame(1)));
    expect(data.every((value) => value === 0x55)).toBe(true);
    for (const blocks of [2, 8000])
      await expect(decodeImage(writeTiff(zstd(greyTags(512, 256, 8)), frame(blocks)))).rejects.toMatchObject({ code: "corrupt_image" });
    await expect(decodeImage(writeTiff(zstd(greyTags(512, 257, 8)), frame(1)))).rejects.toMatchObject({ code: "corrupt_image" });
  });

  it("in blocks that take more than the limits is refused before anything is unpacked", async () => {
    const tiled: [number, number, number][] = [
      [256, 4, 1_000_000],
      [257, 4, 1],
      [258, 3, 8],
      [259, 3, 50_000],
      [262, 3, 1],
      [277, 3, 1],
      [322, 4, 16],
      [323, 4, 60_000],
      [324, 4, 8],
      [325, 4, 8],
    ];
    const bytes = writeTiff(tiled, frame(1));
    await expect(decodeImage(bytes, { maxPixels: 1_000_000 })).rejects.toMatchObject({ code: "too_large", message: /raise maxPixels/ });
  });
});

describe("TIFF of blocks that harm", () => {
  it("is refused where one block is larger than a codec may hold, and where there are more than an image needs", async () => {
    const zstd = ([tag, type, value]: [number, number, number]): [number, number, number] => [tag, type, tag === 259 ? 50_000 : value];
    const large = writeTiff(greyTags(10_000, 8000, 8).map(zstd), new Uint8Array(64));
    await expect(decodeImage(large, { maxPixels: 100_000_000 })).rejects.toMatchObject({
      code: "too_large",
      message: expect.stringContaining("smaller strips"),
    });
    const rows = greyTags(1, 300_000, 8).map(zstd);
    const many = writeTiff(
      rows.map(([tag, type, value]) => [tag, type, tag === 278 ? 1 : value]),
      new Uint8Array(64),
    );
    await expect(decodeImage(many)).rejects.toMatchObject({ code: "too_large", message: expect.stringContaining("larger ones") });
  });
});

describe("a predictor undone", () => {
  it.each([1, 2, 4, 8])("adds whole numbers of %i bytes, in either byte order, with a carry past the end lost", (bytes) => {
    for (const little of [true, false]) {
      const row = new Uint8Array(4 * bytes);
      const low = (sample: number) => sample * bytes + (little ? 0 : bytes - 1);
      for (const [sample, value] of [250, 1, 10, 255].entries()) row[low(sample)] = value;
      undoPredictor(row, { predictor: 2, bytes, step: 2, little });
      expect([0, 1, 2, 3].map((sample) => row[low(sample)])).toEqual([250, 1, 4, 0]);
      if (bytes > 1) expect(row[low(2) + (little ? 1 : -1)]).toBe(1);
    }
  });
});

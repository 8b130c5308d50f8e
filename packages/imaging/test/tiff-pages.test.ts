// TIFF of several pages: each page as tifffile reads it, the middle one unless another is named; chains that are damaged, and slides, which are none.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { golden } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { decodeImage, sharpDecoder } from "../src/node/index.js";
import { greyTags, writeTiff } from "./picture-writer.js";

interface Page {
  readonly width: number;
  readonly height: number;
  readonly sha256: string;
}
const { range, rows } = JSON.parse(readFileSync(golden("tiff-pages.json"), "utf8")) as {
  readonly range: { low: number; high: number };
  readonly rows: readonly { readonly name: string; readonly bytes: string; readonly pages: readonly Page[] }[];
};
const [plain] = rows;
const threePages = () => new Uint8Array(Buffer.from(plain?.bytes ?? "", "base64"));
const pageOf = ({ data, width, height }: { data: Uint8Array; width: number; height: number }): Page => ({
  width,
  height,
  sha256: createHash("sha256").update(data).digest("hex"),
});

/** Files of one page each, one after another in one chain; offsets inside each are moved with it. `last` is where the last one's chain goes. */
function chained(files: readonly [tags: [number, number, number][], data: Uint8Array][], last = 0): Uint8Array {
  const parts: Buffer[] = [];
  let at = 0;
  for (const [i, [tags, data]] of files.entries()) {
    const part = Buffer.from(writeTiff(tags, data));
    const entries = part.readUInt16LE(8);
    for (let e = 0; e < entries; e++) if (part.readUInt16LE(10 + e * 12) === 273) part.writeUInt32LE(14 + entries * 12 + at, 18 + e * 12);
    part.writeUInt32LE(i + 1 < files.length ? at + part.length + 8 : last, 10 + entries * 12);
    parts.push(part);
    at += part.length;
  }
  return new Uint8Array(Buffer.concat(parts));
}
const grey = (width: number, height: number, ...more: [number, number, number][]): [[number, number, number][], Uint8Array] => [
  [...greyTags(width, height, 8), ...more],
  new Uint8Array(width * height).fill(width),
];

describe("a TIFF of several pages", () => {
  it.each(rows)("($name) has the pixels of each page that tifffile reads", async ({ bytes, pages }) => {
    const file = Buffer.from(bytes, "base64");
    const stack = await sharpDecoder().open(file, { range });
    expect([stack.format, stack.frames, stack.windowed]).toEqual(["tiff", pages.length, false]);
    for (const [index, page] of pages.entries()) {
      expect(pageOf(await decodeImage(file, { range, frame: index }))).toEqual(page);
      const framed = await stack.frame(index);
      expect(pageOf(framed)).toEqual(page);
      expect(framed.page).toEqual({ frame: index + 1, frames: pages.length });
      expect(framed.notes).toContain(`page ${index + 1} of ${pages.length}`);
    }
  });

  it("is read by its middle page unless another is named", async () => {
    const image = await decodeImage(threePages());
    expect(image.page).toEqual({ frame: 2, frames: 3 });
    expect(pageOf(image)).toEqual(plain?.pages[1]);
  });

  it("refuses pages that it has not, a window and a region", async () => {
    for (const frame of [3, -1, 0.5])
      await expect(decodeImage(threePages(), { frame })).rejects.toMatchObject({
        code: "bad_option",
        message: expect.stringContaining("expected one of 3 pages"),
      });
    const stack = await sharpDecoder().open(threePages());
    await expect(stack.frame(0, { window: { center: 40, width: 400 } })).rejects.toMatchObject({ code: "bad_option" });
    await expect(decodeImage(threePages(), { ultrasoundRegion: true })).rejects.toMatchObject({ code: "unsupported_format" });
  });

  it("applies the limits to the page that is read, and to no other", async () => {
    const file = chained([grey(40, 40), grey(4, 4), grey(5, 5)]);
    expect((await decodeImage(file, { maxPixels: 16 })).width).toBe(4);
    await expect(decodeImage(file, { maxPixels: 16, frame: 0 })).rejects.toMatchObject({ code: "too_large" });
    await expect(decodeImage(file, { maxPixels: 16, frame: 2 })).rejects.toMatchObject({ code: "too_large" });
  });

  it("is not changed by being read", async () => {
    const file = threePages();
    await decodeImage(file, { frame: 1 });
    expect(file).toEqual(threePages());
  });

  it("counts neither previews nor masks as pages", async () => {
    const file = chained([grey(4, 4), grey(5, 5, [254, 4, 4]), grey(6, 6), grey(3, 3, [254, 4, 1]), grey(7, 7, [254, 4, 2])]);
    const stack = await sharpDecoder().open(file);
    const widths = await Promise.all(Array.from({ length: stack.frames }, async (_, index) => (await stack.frame(index)).width));
    expect(widths).toEqual([4, 6, 7]);
  });

  it("reads the one page behind a preview as the image", async () => {
    const image = await decodeImage(chained([grey(3, 3, [254, 4, 1]), grey(8, 8)]));
    expect([image.width, image.page?.frames]).toEqual([8, 1]);
  });

  it.each([
    ["forms a loop", () => chained([grey(4, 4), grey(5, 5)], 8)],
    ["goes past the end", () => chained([grey(4, 4), grey(5, 5)], 1_000_000)],
    ["is cut off within a directory", () => chained([grey(4, 4), grey(5, 5), grey(6, 6)]).slice(0, -80)],
  ])("is refused where its chain %s, whichever page is named", async (_, make) => {
    for (const named of [{}, { frame: 0 }, { frame: 1 }])
      await expect(decodeImage(make(), named)).rejects.toMatchObject({ code: "corrupt_image" });
  });

  it("is refused past ten thousand pages", async () => {
    const many = chained(Array.from({ length: 10_001 }, () => grey(1, 1)));
    await expect(decodeImage(many)).rejects.toMatchObject({ code: "too_many_frames" });
  });

  it("is refused where its directories overlap, so that a small file has more entries than it could hold", async () => {
    const [directories, entries] = [300, 4096];
    const file = Buffer.alloc(8 + 2 + entries * 12 + directories * 4 + 16);
    file.write("II*\0", 0, "latin1");
    file.writeUInt32LE(8, 4);
    for (let i = 0; i < directories; i++) {
      file.writeUInt16LE(entries, 8 + i * 4);
      file.writeUInt32LE(i + 1 < directories ? 8 + (i + 1) * 4 : 0, 8 + i * 4 + 2 + entries * 12);
    }
    await expect(decodeImage(file)).rejects.toMatchObject({
      code: "corrupt_image",
      message: expect.stringContaining("more than 1000000 entries"),
    });
  });

  it("stays a slide where it is one: tiled levels of several sizes, or a scanner's own mark", async () => {
    const tiles: [number, number, number][] = [
      [322, 4, 16],
      [323, 4, 16],
    ];
    for (const file of [chained([grey(16, 16, ...tiles), grey(8, 8)]), chained([grey(16, 16, [65_420, 4, 1]), grey(8, 8)])])
      await expect(decodeImage(file)).rejects.toMatchObject({
        code: "too_many_frames",
        message: expect.stringContaining("biovlm slide"),
      });
  });
});

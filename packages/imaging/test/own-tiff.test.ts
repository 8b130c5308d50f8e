// TIFF as it is read where libtiff is not, by our own reader: the pixels that tifffile and Pillow read, those of sharp for what sharp itself
// writes, and refusals with a code for what is damaged. The same files are read in Node, where sharp must agree.

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { golden } from "@biovlm/testkit";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { browserDecoder } from "../src/index.js";
import { sharpDecoder } from "../src/node/index.js";
import { installedCodecs } from "../src/node/installed-codecs.js";
import { ccittTables, MODE_BITS, RUN_BITS } from "../src/tiff/ccitt-codes.js";
import { inflateBlock } from "../src/tiff/inflate.js";
import { unpackLzw } from "../src/tiff/lzw.js";
import { unpackPackBits } from "../src/tiff/pack-bits.js";
import { greyTags, writeTiff } from "./picture-writer.js";

const fixtures = join(dirname(fileURLToPath(import.meta.url)), "fixtures");
const own = browserDecoder({ codecs: installedCodecs });
const libtiff = sharpDecoder();
const sha256 = (data: Uint8Array): string => createHash("sha256").update(data).digest("hex");

interface Row {
  readonly name: string;
  readonly bytes: string;
  readonly width?: number;
  readonly height?: number;
  readonly sha256: string;
  readonly range?: { readonly low: number; readonly high: number };
}
const rowsOf = (name: string) =>
  JSON.parse(readFileSync(golden(name), "utf8")) as { width?: number; height?: number; rows: readonly Row[] };

describe("the TIFF reader of browsers", () => {
  it.each(rowsOf("tiff-kinds.json").rows)("gives the pixels that others read for $name, and so does sharp", async (row) => {
    const bytes = Buffer.from(row.bytes, "base64");
    for (const decoder of [own, libtiff]) {
      const image = await decoder.decode(bytes, { range: row.range });
      expect([decoder.name, image.width, image.height, sha256(image.data)]).toEqual([decoder.name, row.width, row.height, row.sha256]);
    }
  });

  it("gives the pixels that tifffile reads of ZSTD and of 64 bits", async () => {
    for (const { name, bytes, sha256: expected, range } of rowsOf("tiff.json").rows)
      expect([name, sha256((await own.decode(Buffer.from(bytes, "base64"), { range })).data)]).toEqual([name, expected]);
  });

  it.each(readdirSync(fixtures).filter((name) => name.endsWith(".tif")))("agrees with sharp on %s", async (name) => {
    const bytes = readFileSync(join(fixtures, name));
    const options = /signed|float/.test(name) ? { range: { low: -5000, high: 5000 } } : {};
    const [ours, theirs] = [await own.decode(bytes, options), await libtiff.decode(bytes, options)];
    expect({ ...ours, data: sha256(ours.data) }).toEqual({ ...theirs, data: sha256(theirs.data) });
  });

  const { data: noise, info } = { data: Buffer.alloc(61 * 47 * 3), info: { width: 61, height: 47 } };
  for (let i = 0; i < noise.length; i++) noise[i] = (i * 7 + (i >> 4) * 2654435761) & 255;
  const picture = () => sharp(noise, { raw: { ...info, channels: 3 } });
  it.each([
    ["JPEG", { compression: "jpeg", quality: 70 }],
    ["JPEG in tiles", { compression: "jpeg", quality: 95, tile: true, tileWidth: 16, tileHeight: 16 }],
    ["LZW in tiles with a predictor", { compression: "lzw", predictor: "horizontal", tile: true, tileWidth: 32, tileHeight: 16 }],
    ["deflate in BigTIFF", { compression: "deflate", bigtiff: true }],
    ["4 bits", { bitdepth: 4, compression: "lzw", predictor: "none" }],
    ["2 bits", { bitdepth: 2, compression: "packbits", predictor: "none" }],
    ["1 bit, group 4, white is zero", { bitdepth: 1, compression: "ccittfax4", miniswhite: true }],
  ] as const)("agrees with sharp on what it writes as %s", async (_, options) => {
    const colours = "bitdepth" in options ? picture().toColourspace("b-w") : picture();
    const bytes = await colours.tiff(options as never).toBuffer();
    expect(sha256((await own.decode(bytes)).data)).toBe(sha256((await libtiff.decode(bytes)).data));
  });

  it("turns an image upright, and shows 16-bit grey as a range says, with the same notes as in Node", async () => {
    const turned = await picture().withMetadata({ orientation: 6 }).tiff({ compression: "lzw" }).toBuffer();
    const dark = writeTiff(greyTags(4, 1, 16), new Uint8Array(new Uint16Array([0, 100, 900, 1023]).buffer));
    for (const [bytes, options] of [
      [turned, {}],
      [turned, { exif: "ignore" }],
      [dark, {}],
      [dark, { range: { low: 0, high: 1023 } }],
    ] as const)
      expect(await own.decode(bytes, options)).toEqual(
        await libtiff.decode(bytes, options).then((image) => ({ ...image, data: Uint8Array.from(image.data) })),
      );
  });

  it("goes through pages as Node does", async () => {
    const { rows, range } = JSON.parse(readFileSync(golden("tiff-pages.json"), "utf8"));
    for (const { bytes, pages } of rows) {
      const stack = await own.open(Buffer.from(bytes, "base64"), { range });
      expect(stack.frames).toBe(pages.length);
      for (const [index, page] of pages.entries()) {
        const image = await stack.frame(index);
        expect([image.page, sha256(image.data)]).toEqual([{ frame: index + 1, frames: pages.length }, page.sha256]);
      }
    }
  });
});

describe("a TIFF that harms the reader of browsers", () => {
  const refusal = async (bytes: Uint8Array, options = {}) =>
    own.decode(bytes, options).then(
      () => "read",
      (error: { code?: string }) => error.code ?? String(error),
    );
  const tags = (width: number, height: number, compression: number, more: readonly [number, number, number][] = []) =>
    [...greyTags(width, height, 8).filter(([tag]) => !more.some(([other]) => other === tag)), ...more].map(
      ([tag, type, value]): [number, number, number] => [tag, type, tag === 259 ? compression : value],
    );

  it.each([
    ["no compression", 1],
    ["LZW", 5],
    ["PackBits", 32_773],
    ["deflate", 8],
    ["JPEG", 7],
    ["CCITT", 4],
  ])("is refused where a block of %s has fewer bytes than it needs", async (_, compression) => {
    const bits: readonly [number, number, number][] = compression === 4 ? [[258, 3, 1]] : [];
    for (const data of [new Uint8Array(0), Uint8Array.of(0x80, 0x0b), Uint8Array.of(0x78, 0x9c, 0x01)])
      expect(await refusal(writeTiff(tags(64, 64, compression, bits), data))).toBe("corrupt_image");
  });

  it("is refused before anything is allocated where its blocks take more than the limits", async () => {
    const tall = writeTiff(
      tags(1_000_000, 1, 5, [
        [322, 4, 16],
        [323, 4, 60_000],
        [324, 4, 8],
        [325, 4, 8],
      ]),
      new Uint8Array(64),
    );
    expect(await refusal(tall, { maxPixels: 1_000_000 })).toBe("too_large");
    expect(await refusal(writeTiff(tags(1, 300_000, 1, [[278, 4, 1]]), new Uint8Array(64)))).toBe("too_large");
  });

  it("is refused in words for what libtiff alone reads: YCbCr outside JPEG, CMYK in JPEG, LZW of the first writers", async () => {
    const colour: readonly [number, number, number][] = [
      [262, 3, 6],
      [277, 3, 3],
    ];
    expect(await refusal(writeTiff(tags(4, 4, 5, colour), new Uint8Array(64)))).toBe("unsupported_format");
    expect(
      await refusal(
        writeTiff(
          tags(4, 4, 7, [
            [262, 3, 5],
            [277, 3, 4],
          ]),
          new Uint8Array(64),
        ),
      ),
    ).toBe("unsupported_format");
    expect(await refusal(writeTiff(tags(4, 4, 5), Uint8Array.of(0, 1, 2, 3)))).toBe("unsupported_format");
  });

  it("is given up when it takes longer than the time there is", async () => {
    const many = writeTiff(tags(1, 200_000, 8, [[278, 4, 1]]), new Uint8Array(0));
    expect(["timeout", "corrupt_image"]).toContain(await refusal(many, { timeoutMs: 1 }));
  });
});

describe("blocks unpacked", () => {
  it("of deflate stop at the block's size, whatever more there is, and take bytes that follow the stream", async () => {
    const packed = new Uint8Array(
      await new Response(new Blob([new Uint8Array(5_000_000)]).stream().pipeThrough(new CompressionStream("deflate"))).arrayBuffer(),
    );
    expect(inflateBlock(packed, 10)).toEqual(new Uint8Array(10));
    expect(() => inflateBlock(packed, 5_000_001)).toThrow(/ends early/);
    const followed = new Uint8Array(packed.length + 3);
    followed.set(packed);
    expect(inflateBlock(followed, 5_000_000)).toHaveLength(5_000_000);
  });

  it("of LZW go through a full table, a clearing, and a string that holds itself", () => {
    // clear, A, then codes that each name the string that is being made
    const codes = [256, 65, 258, 259, 257];
    const bits = codes.map((code) => code.toString(2).padStart(9, "0")).join("");
    const packed = Uint8Array.from(bits.match(/.{1,8}/g) ?? [], (byte) => Number.parseInt(byte.padEnd(8, "0"), 2));
    expect(String.fromCharCode(...unpackLzw(packed, 6))).toBe("AAAAAA");
    expect(() => unpackLzw(packed, 7)).toThrow(/ends early/);
  });

  it("of PackBits take runs, bytes and nothing for 128", () => {
    expect([...unpackPackBits(Uint8Array.of(128, 1, 7, 8, 254, 9), 5)]).toEqual([7, 8, 9, 9, 9]);
    expect(() => unpackPackBits(Uint8Array.of(3, 1), 4)).toThrow(/ends early/);
  });

  it("of CCITT have codes none of which begins another", () => {
    const { runs, modes } = ccittTables();
    const room = ({ lengths }: { lengths: Uint8Array }) => lengths.filter((length) => length > 0).length;
    // a code of n bits fills 2^(most − n) places: no two may fill one
    for (const [table, bits] of [
      [runs[0], RUN_BITS],
      [runs[1], RUN_BITS],
      [modes, MODE_BITS],
    ] as const) {
      const seen = new Map<string, number>();
      for (let next = 0; next < 2 ** bits; next++) {
        const length = table.lengths[next] ?? 0;
        if (length > 0) seen.set(next.toString(2).padStart(bits, "0").slice(0, length), table.values[next] ?? 0);
      }
      expect([...seen.keys()].reduce((sum, code) => sum + 2 ** (bits - code.length), 0)).toBe(room(table));
      expect(new Set(seen.values()).size).toBe(seen.size);
      expect(seen.size).toBe(bits === RUN_BITS ? 64 + 27 + 13 : 9);
    }
  });
});

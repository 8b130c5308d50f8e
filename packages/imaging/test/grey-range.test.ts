// 16-bit grey of fewer bits: what the file declares or a person names decides, and values nobody explained are said to be dark.

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseRange } from "../src/grey-range.js";
import { browserDecoder } from "../src/index.js";
import { decodeImage, sharpDecoder } from "../src/node/index.js";
import { chunk, greyTags, writePng, writeTiff } from "./picture-writer.js";

const WIDTH = 64;
/** One picture as values of `bits` bits. */
const value = (x: number, y: number, bits: number) => Math.round(((x + WIDTH * y) / (WIDTH * 4 - 1)) * (2 ** bits - 1));

function png(sample: (x: number, y: number) => number, sbit?: number): Uint8Array {
  const bytes = writePng({ width: WIDTH, height: 4, depth: 16, colour: 0, sample });
  if (sbit === undefined) return bytes;
  return Buffer.concat([bytes.subarray(0, 33), chunk("sBIT", Uint8Array.of(sbit)), bytes.subarray(33)]);
}

const reds = ({ data }: { data: Uint8Array }) => Array.from(data).filter((_, i) => i % 3 === 0);
const wanted = Array.from({ length: WIDTH * 4 }, (_, i) => value(i % WIDTH, Math.floor(i / WIDTH), 8));

describe("16-bit grey of fewer bits", () => {
  it.each([10, 12, 14])("is shown by its sBIT of %i as its 8-bit picture, in both decoders", async (bits) => {
    const bytes = png((x, y) => value(x, y, bits), bits);
    for (const image of [await decodeImage(bytes), await browserDecoder().decode(bytes)]) {
      for (const [i, red] of reds(image).entries()) expect(Math.abs(red - (wanted[i] ?? -9))).toBeLessThanOrEqual(1);
      expect(image.notes).toBeUndefined();
    }
  });

  it("is shown over all 16 bits where its samples are scaled up, as PNG asks with sBIT", async () => {
    const scaled = (x: number, y: number) => (value(x, y, 12) << 4) | (value(x, y, 12) >> 8);
    const bytes = png(scaled, 12);
    const dark = png((x, y) => scaled(x, y) >> 15, 12);
    expect(reds(await decodeImage(bytes))).toEqual(reds(await decodeImage(png(scaled))));
    expect(Math.max(...reds(await decodeImage(dark)))).toBe(0);
  });

  it("without a declaration is shown as it always was, and said to have little contrast", async () => {
    const bytes = png((x, y) => value(x, y, 12));
    for (const image of [await decodeImage(bytes), await browserDecoder().decode(bytes)]) {
      expect(Math.max(...reds(image))).toBe(16);
      expect(image.notes?.join()).toContain("values 0 to 4095 alone");
      expect(image.notes?.join()).toContain("bits=12");
    }
    expect((await decodeImage(png((x, y) => value(x, y, 16)))).notes).toBeUndefined();
  });

  it("is shown in the range that is asked for, clamped beyond it, without a note", async () => {
    const bytes = png((x, y) => value(x, y, 12));
    for (const decode of [decodeImage, browserDecoder().decode]) {
      const image = await decode(bytes, { range: parseRange("1000..3000") });
      const shown = reds(image);
      expect([shown[0], shown.at(-1)]).toEqual([0, 255]);
      expect(shown[125]).toBe(Math.round(((value(125 % WIDTH, 1, 12) - 1000) * 255) / 2000));
      expect(image.notes).toBeUndefined();
      expect((await decode(bytes, { range: parseRange("full") })).notes).toBeUndefined();
    }
  });

  it.each([
    [1, [0, 128, 255]],
    [0, [255, 127, 0]],
  ])("of TIFF is shown by the bits of MaxSampleValue, photometric %i", async (photometric, shown) => {
    const data = new Uint8Array(Uint16Array.of(0, 2048, 4095).buffer);
    const tags = [...greyTags(3, 1, 16, photometric), [281, 3, 3987] as [number, number, number]];
    // 4095 is above the value that is declared, within its bits
    expect(reds(await decodeImage(writeTiff(tags, data)))).toEqual(shown);
  });
});

describe("grey values that are no shades", () => {
  const [W, H] = [37, 23];
  const fixture = (name: string) => readFileSync(new URL(`fixtures/${name}`, import.meta.url));
  /** of make_fixtures.py */
  const signed = (x: number, y: number) => x * 200 - y * 311;
  const kinds: [string, (x: number, y: number) => number, number, number][] = [
    ["signed-8.tif", (x, y) => Math.floor(signed(x, y) / 64), -100, 90],
    ["signed-16.tif", signed, -4000, 5000.5],
    ["signed-32.tif", (x, y) => signed(x, y) * 1000, -4_000_000, 5_000_000],
    ["unsigned-32.tif", (x, y) => ((x * 1771 + y * 911) % 65536) * 1000, 5_000_000, 60_000_000],
    ["float-32.tif", (x, y) => Math.fround(signed(x, y) / 7), -500.25, 600],
  ];

  it.each(kinds)("of %s are refused without a range, and shown in it", async (name, value, low, high) => {
    await expect(decodeImage(fixture(name))).rejects.toMatchObject({ code: "unsupported_format", message: /range LOW\.\.HIGH/ });
    await expect(sharpDecoder().open(fixture(name))).rejects.toMatchObject({ code: "unsupported_format" });
    const { data, notes } = await decodeImage(fixture(name), { range: { low, high } });
    const shown = (at: number) => {
      const clamped = Math.min(Math.max(value(at % W, Math.floor(at / W)), low), high);
      return Math.floor(((clamped - low) / (high - low)) * 255 + 0.5);
    };
    expect(reds({ data })).toEqual(Array.from({ length: W * H }, (_, at) => shown(at)));
    expect(notes).toBeUndefined();
  });

  it("that are no number are black", async () => {
    const data = new Uint8Array(Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY, 1).buffer);
    const bytes = writeTiff([...greyTags(3, 1, 32), [339, 3, 3]], data);
    expect(reds(await decodeImage(bytes, { range: { low: 0, high: 2 } }))).toEqual([0, 255, 128]);
  });

  it.each([
    ["floating point of 16 bits", [...greyTags(1, 1, 16), [339, 3, 3]]],
    ["complex numbers", [...greyTags(1, 1, 32), [339, 3, 6]]],
    ["the lowest as white", [...greyTags(1, 1, 16, 0), [339, 3, 2]]],
  ] as [string, [number, number, number][]][])("with %s are refused, a range or not", async (_, tags) => {
    await expect(decodeImage(writeTiff(tags, new Uint8Array(8)), { range: { low: 0, high: 1 } })).rejects.toMatchObject({
      code: "unsupported_format",
    });
  });
});

describe("a range in words", () => {
  it("is bits, ends, full, or the file's own", () => {
    expect(parseRange("bits=12")).toEqual({ low: 0, high: 4095 });
    expect(parseRange("100..5000")).toEqual({ low: 100, high: 5000 });
    expect(parseRange("full")).toEqual({ low: 0, high: 65_535 });
    expect(parseRange("-1000..400")).toEqual({ low: -1000, high: 400 });
    expect(parseRange("-0.5..1.25")).toEqual({ low: -0.5, high: 1.25 });
    expect(parseRange("0..18446744073709551615")).toEqual({ low: 0, high: 2 ** 64 });
    expect(parseRange("file")).toBeUndefined();
  });

  it.each(["", "bits=0", "bits=17", "5..5", "9..3", "1..-1", "1e3..2e3", "..5", "0..999999999999999999999", "min-max"])(
    "is refused as %j",
    (text) => {
      expect(() => parseRange(text)).toThrow(expect.objectContaining({ code: "bad_option" }));
    },
  );
});

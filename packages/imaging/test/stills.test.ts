// What files of BMP, PNM and GIF may say that Pillow's own files do not: jumps in run lengths, comments, odd largest values, codes that end
// early. One picture a case, small enough to be written out.

import { describe, expect, it } from "vitest";
import { decodeImage, readImageInfo } from "../src/node/index.js";

const ascii = (text: string) => Buffer.from(text, "latin1");
const reds = async (bytes: Uint8Array) => [...(await decodeImage(bytes)).data].filter((_, i) => i % 3 === 0);

/** A BMP of 4 × 3 in run lengths of 8 bits, whose palette is grey. */
function runs(codes: number[], palette = 256): Uint8Array {
  const head = Buffer.alloc(54);
  head.write("BM");
  head.writeUInt32LE(54 + palette * 4, 10);
  for (const [at, value] of [
    [14, 40],
    [18, 4],
    [22, 3],
    [30, 1],
    [46, palette],
  ] as const)
    head.writeUInt32LE(value, at); // prettier-ignore
  head.writeUInt16LE(8, 28);
  const colours = Buffer.from(Array.from({ length: palette * 4 }, (_, i) => (i % 4 === 3 ? 0 : i >> 2)));
  return Buffer.concat([head, colours, Buffer.from(codes)]);
}

describe("run lengths of BMP", () => {
  it.each([
    ["rows from below, ended by marks", [4, 9, 0, 0, 4, 8, 0, 0, 4, 7, 0, 1], [7, 7, 7, 7, 8, 8, 8, 8, 9, 9, 9, 9]],
    ["a short row, and an end before the last", [2, 9, 0, 0, 1, 8, 0, 1], [0, 0, 0, 0, 8, 0, 0, 0, 9, 9, 0, 0]],
    ["a jump to the right and up", [1, 9, 0, 2, 1, 2, 2, 7, 0, 1], [0, 0, 7, 7, 0, 0, 0, 0, 9, 0, 0, 0]],
    ["values as they are, with their padding", [0, 3, 5, 6, 7, 0, 1, 8, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0, 0, 0, 5, 6, 7, 8]],
    ["runs that go on past their row", [200, 9, 0, 0, 4, 8, 0, 1], [0, 0, 0, 0, 8, 8, 8, 8, 9, 9, 9, 9]],
    ["a jump out of the picture", [0, 2, 0, 250, 4, 9, 0, 1], Array(12).fill(0)],
    ["a last row without an end", [4, 9, 0, 0, 4, 8, 0, 0, 4, 7], [7, 7, 7, 7, 8, 8, 8, 8, 9, 9, 9, 9]],
  ])("are followed: %s", async (_, codes, wanted) => {
    expect(await reds(runs(codes))).toEqual(wanted);
  });

  it.each([
    ["a row", [4, 9, 0, 0, 4, 8]],
    ["values", [0, 9, 1, 2]],
    ["a jump", [0, 2, 1]],
  ])("that end within %s are corrupt", async (_, codes) => {
    await expect(decodeImage(runs(codes))).rejects.toMatchObject({ code: "corrupt_image" });
  });

  it("name colours past the palette black", async () => {
    expect((await reds(runs([3, 1, 1, 200, 0, 1], 2))).slice(8)).toEqual([1, 1, 1, 0]);
  });
});

describe("PNM", () => {
  it.each([
    ["comments between its numbers", "P2 # two\n3#wide\n 1 255\n# values\n1 #one\n2 3", [1, 2, 3]],
    ["bits without spaces", "P1\n4 1\n0110", [255, 0, 0, 255]],
    ["a largest value of 2, halves to even", "P2 3 1 2\n0 1 2", [0, 128, 255]],
    ["a largest value of 4095 as its range", "P5 2 1 4095\n\x07\xff\x0f\xff", [127, 255]],
    ["values above the largest", "P5 2 1 100\n\x64\xff", [255, 255]],
    ["another picture behind it", "P5 1 1 255\n\x09P5 1 1 255\n\x05", [9]],
    ["PAM of one bit a value", "P7\nWIDTH 2\nHEIGHT 1\nDEPTH 1\nMAXVAL 1\nTUPLTYPE BLACKANDWHITE\nENDHDR\n\0\x01", [0, 255]],
    ["PAM with alpha", "P7\nHEIGHT 1\nWIDTH 2\n# c\nDEPTH 2\nMAXVAL 255\nENDHDR\n\x07\0\x09\xff", [7, 9]],
  ])("is read with %s", async (_, text, wanted) => {
    expect(await reds(ascii(text))).toEqual(wanted);
  });

  it.each([
    ["no number", "P5 x 1 255\n\0"],
    ["a number of eleven digits", "P5 10000000000 1 255\n\0"],
    ["a largest value of 0", "P5 1 1 0\n\0"],
    ["a largest value of 65536", "P5 1 1 65536\n\0\0"],
    ["no space behind its header", "P5 1 1 255x"],
    ["a value above the largest, in words", "P2 1 1 9\n10"],
    ["something else than bits", "P1 2 1\n02"],
    ["no end of PAM's header", "P7\nWIDTH 1\nHEIGHT 1\nDEPTH 1\nMAXVAL 255\n\0"],
    ["PAM without a width", "P7\nHEIGHT 1\nDEPTH 1\nMAXVAL 255\nENDHDR\n\0"],
  ])("with %s is corrupt", async (_, text) => {
    await expect(decodeImage(ascii(text))).rejects.toMatchObject({ code: "corrupt_image" });
  });

  it("of 16 bits that use few of them is said to be dark, and shown in a range", async () => {
    const bytes = ascii("P5 2 1 65535\n\0\0\x0f\xff");
    expect(await decodeImage(bytes)).toMatchObject({ unsaidRange: true });
    expect((await decodeImage(bytes, { range: { low: 0, high: 4095 } })).data[3]).toBe(255);
  });
});

describe("GIF", () => {
  /** 2 × 1 in a grey of four shades, with the codes that are given */
  const gif = (codes: number[], least = 2) =>
    Buffer.from([
      ...ascii("GIF89a"),
      2,
      0,
      1,
      0,
      0x81,
      0,
      0,
      ...[0, 85, 170, 255].flatMap((v) => [v, v, v]),
      0x2c,
      0,
      0,
      0,
      0,
      2,
      0,
      1,
      0,
      0,
      least,
      ...codes,
      0,
      0x3b,
    ]); // prettier-ignore

  it("is read whether it says clear first or not", async () => {
    // codes of three bits: clear 4, then 1, 2, end 5; or 1, 2
    expect(await reds(gif([2, 0b10_001_100, 0b1010]))).toEqual([85, 170]);
    expect(await reds(gif([1, 0b010_001]))).toEqual([85, 170]);
  });

  it.each([
    ["codes of nine bits", gif([1, 0], 9)],
    ["an end before its last pixel", gif([1, 0b101_001])],
    ["a code that nothing stands for", gif([1, 0b111_001])],
    ["no frame", Buffer.concat([ascii("GIF89a\x02\0\x01\0\0\0\0"), Buffer.from([0x3b])])],
    ["a frame of no pixels", Buffer.concat([ascii("GIF89a\x02\0\x01\0\0\0\0,\0\0\0\0\0\0\0\0\0\x02\0;")])],
  ])("with %s is corrupt", async (_, bytes) => {
    await expect(decodeImage(bytes)).rejects.toMatchObject({ code: "corrupt_image" });
  });

  it("tells its size, its transparency and its interlacing from the header", () => {
    expect(readImageInfo(gif([1, 0b010_001]))).toMatchObject({
      format: "gif",
      width: 2,
      height: 1,
      frames: 1,
      alpha: false,
      interlaced: false,
    });
  });
});

// Faults that lose no pixel: read as other readers read them, with a note. What is cut off stays refused.

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cases, mutations } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { mended } from "../src/headers/mending.js";
import { browserDecoder, ImagingError } from "../src/index.js";
import { decodeImage } from "../src/node/index.js";
import { chunk } from "./picture-writer.js";

const fixtures = join(dirname(fileURLToPath(import.meta.url)), "fixtures");
const fixture = (name: string): Buffer => readFileSync(join(fixtures, name));
const at = (bytes: Buffer, marker: number) => bytes.indexOf(Buffer.of(0xff, marker));

/** The last-but-one byte of the first scan's header, which says how many coefficients it holds, as 0. */
function bandless(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const scan = at(copy, 0xda);
  copy[scan + 2 + copy.readUInt16BE(scan + 2) - 2] = 0;
  return copy;
}
const put = (bytes: Buffer, where: number, ...stray: number[]) =>
  Buffer.concat([bytes.subarray(0, where), Buffer.from(stray), bytes.subarray(where)]);

describe("a JPEG", () => {
  const files = ["rgb-75-2.jpg", "rgb-90-0.jpg", "grey.jpg", "cmyk.jpg", "turned-6.jpg"];
  it.each(files)("%s whose scan says 0 to 0, or with bytes between segments, has the pixels that it should", async (name) => {
    const good = fixture(name);
    const { data } = await decodeImage(good);
    const scan = at(good, 0xda);
    for (const [bad, said] of [
      [bandless(good), "one coefficient"],
      [put(good, 2, 1, 2, 3), "3 bytes between"],
      [put(good, scan, 0, 0), "2 bytes between"],
      [put(bandless(good), scan, 7), "one coefficient"],
    ] as const) {
      const image = await decodeImage(bad);
      expect(Buffer.from(image.data).equals(Buffer.from(data))).toBe(true);
      expect(image.notes?.[0]).toContain(said);
    }
  });

  it("without a fault is handed on as it is, fill bytes and progressive scans too", async () => {
    for (const bytes of [...[...files, "progressive.jpg"].map(fixture), put(fixture("rgb-75-2.jpg"), 2, 0xff, 0xff)]) {
      expect(mended(bytes).bytes).toBe(bytes);
      expect((await decodeImage(bytes)).notes).toBeUndefined();
    }
  });

  it("with more segments than a call may have arguments is read all the same", async () => {
    const good = fixture("rgb-75-2.jpg");
    const comments = Buffer.alloc(4 * 300_000, Buffer.of(0xff, 0xfe, 0, 2));
    const { data } = await decodeImage(good);
    const { bytes, notes } = mended(Buffer.concat([good.subarray(0, 2), Buffer.of(1, 2, 3), comments, good.subarray(2)]));
    expect(notes[0]).toContain("3 bytes between");
    expect(bytes.length).toBe(good.length + comments.length);
    expect(Buffer.from((await decodeImage(bytes)).data).equals(Buffer.from(data))).toBe(true);
  });

  it("that is cut off stays refused, with the fault or without", async () => {
    const good = fixture("rgb-75-2.jpg");
    for (const bytes of [good, bandless(good), put(good, 2, 1, 2, 3)]) {
      const cut = bytes.subarray(0, bytes.length - 200);
      for (const bad of [cut, Buffer.concat([cut, Buffer.of(0xff, 0xd9)])])
        await expect(decodeImage(bad)).rejects.toMatchObject({ code: "corrupt_image" });
    }
  });
});

describe("a PNG without its end chunk", () => {
  it("is read, whole or with a part of that chunk, by both decoders", async () => {
    for (const name of ["rgb.png", "palette.png", "grey16.png"]) {
      const good = fixture(name);
      const { data } = await decodeImage(good);
      for (const missing of [12, 11, 8, 4, 1]) {
        const cut = good.subarray(0, good.length - missing);
        for (const image of [await decodeImage(cut), await browserDecoder().decode(cut)]) {
          expect(Buffer.from(image.data).equals(Buffer.from(data))).toBe(true);
          expect(image.notes?.[0]).toContain("without its end chunk");
        }
      }
    }
  });

  it("stays refused where image data is missing, also where a whole chunk of it is", async () => {
    const good = fixture("rgb.png");
    const start = good.indexOf("IDAT") - 4;
    const length = good.readUInt32BE(start);
    const data = good.subarray(start + 8, start + 8 + length);
    const half = [data.subarray(0, length >> 1), data.subarray(length >> 1)].map((part) => chunk("IDAT", part));
    const [first = Buffer.alloc(0), second = Buffer.alloc(0)] = half;
    const head = good.subarray(0, start);
    await decodeImage(Buffer.concat([head, first, second]));
    for (const bad of [Buffer.concat([head, first]), good.subarray(0, good.length - 13), head])
      for (const decode of [decodeImage, browserDecoder().decode])
        await expect(decode(bad)).rejects.toMatchObject({ code: "corrupt_image" });
  });
});

it("mending never throws, and what comes of a mutated file is an image or a typed refusal", async () => {
  for (const name of ["rgb-75-2.jpg", "rgb.png"]) {
    for (const bytes of mutations(5, new Uint8Array(fixture(name)), cases(2000, 40))) {
      const { bytes: out } = mended(bytes);
      expect(out.length).toBeLessThanOrEqual(bytes.length + 12);
      await decodeImage(bytes).catch((error: unknown) => expect(error).toBeInstanceOf(ImagingError));
    }
  }
});

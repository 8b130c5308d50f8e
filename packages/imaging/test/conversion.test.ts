// Pixels: what comes out equals Pillow's convert("RGB") byte for byte, and 16-bit samples are scaled, not clipped.

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { skipUnlessShared } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { decodeImage as decodeInBrowserEntry } from "../src/index.js";
import { decodeImage, readImageInfo } from "../src/node/index.js";
import { cmykToRgb, turnUpright } from "../src/pixels.js";
import { greyTags, writePng, writeTiff } from "./picture-writer.js";

const fixtures = join(dirname(fileURLToPath(import.meta.url)), "fixtures");
const fixture = (name: string): Uint8Array => readFileSync(join(fixtures, name));
const sha256 = (data: Uint8Array): string => createHash("sha256").update(data).digest("hex");
const pil = JSON.parse(readFileSync(join(fixtures, "pil.json"), "utf8")).images as Record<
  string,
  { width: number; height: number; sha256: string; upright: string }
>;

/** Of grey16.*: the formula of make_fixtures.py. */
const grey16At = (x: number, y: number): number => (x * 1771 + y * 911) % 65536;

describe("decoding in Node", () => {
  it.each(Object.keys(pil))("gives Pillow's RGB bytes for %s", async (name) => {
    const expected = pil[name]!;
    const stored = await decodeImage(fixture(name), { exif: "ignore" });
    expect([stored.width, stored.height, sha256(stored.data)]).toEqual([expected.width, expected.height, expected.sha256]);
    const upright = await decodeImage(fixture(name));
    expect(sha256(upright.data)).toBe(expected.upright);
  });

  it.each(["grey16.png", "grey16.tif", "grey-16.pgm", "grey16.jp2"])("scales 16-bit grey by 1/257 with rounding in %s", async (name) => {
    const { data, width, height } = await decodeImage(fixture(name));
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const expected = Math.round(grey16At(x, y) / 257);
        expect([...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)]).toEqual([expected, expected, expected]);
      }
    }
  });

  it("turns white-is-zero TIFF into black-is-zero, at 8 and at 16 bits", async () => {
    const eight = await decodeImage(writeTiff(greyTags(2, 1, 8, 0), Uint8Array.of(0, 200)));
    expect([...eight.data]).toEqual([255, 255, 255, 55, 55, 55]);
    const sixteen = await decodeImage(writeTiff(greyTags(2, 1, 16, 0), Uint8Array.of(0, 0, 0xff, 0xff)));
    expect([...sixteen.data]).toEqual([255, 255, 255, 0, 0, 0]);
  });

  it("returns bytes that a caller may change without touching the next image", async () => {
    const first = await decodeImage(fixture("rgb.png"));
    first.data.fill(0);
    expect(sha256((await decodeImage(fixture("rgb.png"))).data)).toBe(pil["rgb.png"]!.sha256);
  });

  it("equals Pillow on real PNG and JPEG files", async (context) => {
    const folder = skipUnlessShared("data/images/png_jpg");
    if (folder === undefined) return context.skip("skipped: shared data absent (data/images/png_jpg)");
    const expected = JSON.parse(readFileSync(join(fixtures, "pil-samples.json"), "utf8")).images as Record<string, string>;
    expect(Object.keys(expected).length).toBeGreaterThanOrEqual(20);
    for (const [name, digest] of Object.entries(expected)) {
      const { data } = await decodeImage(readFileSync(join(folder, name)), { exif: "ignore" });
      expect([name, sha256(data)]).toEqual([name, digest]);
    }
  });
});

describe("formats that browsers decode by the same code", () => {
  it.each(Object.keys(pil).filter((name) => /\.(?:bmp|gif|p[bgpa]m)$/.test(name)))(
    "give Pillow's RGB bytes for %s there, too",
    async (name) => {
      expect(sha256((await decodeInBrowserEntry(fixture(name))).data)).toBe(pil[name]!.sha256);
    },
  );

  it("say that the first frame of an animated GIF is shown", async () => {
    expect((await decodeImage(fixture("animated.gif"))).notes).toEqual(["the first of 2 frames is shown"]);
    expect((await decodeImage(fixture("palette.gif"))).notes).toBeUndefined();
  });

  it("drop the alpha of PAM", async () => {
    expect(sha256((await decodeImage(fixture("rgba.pam"))).data)).toBe(pil["rgba.png"]!.sha256);
  });

  it.each(["bgr.jp2", "argb.jp2"])("take the channels of JPEG 2000 for what the file defines them to be, in %s", async (name) => {
    expect(sha256((await decodeImage(fixture(name))).data)).toBe(pil["rgb.png"]!.sha256);
  });

  it.each(["rgba.jp2", "palette.jp2", "palette-alpha.jp2", "grey-alpha.jp2"])("say in the header of %s what its colours are", (name) => {
    const { colour, alpha } = readImageInfo(fixture(name));
    expect([colour, alpha]).toEqual([
      name.startsWith("palette") ? "palette" : name.startsWith("grey") ? "grey" : "rgb",
      name !== "palette.jp2",
    ]);
  });

  it("say which codecs are missing for JPEG 2000 where none were given", async () => {
    await expect(decodeInBrowserEntry(fixture("rgb.jp2"))).rejects.toMatchObject({ code: "decoder_unavailable" });
  });
});

describe("the PNG decoder of browsers", () => {
  it.each(readdirSync(fixtures).filter((name) => name.endsWith(".png")))("agrees with sharp on %s", async (name) => {
    const [ours, sharps] = await Promise.all([
      decodeInBrowserEntry(fixture(name), { maxFrames: 2 }),
      decodeImage(fixture(name), { maxFrames: 2 }),
    ]);
    expect(ours.width).toBe(sharps.width);
    expect(sha256(ours.data)).toBe(sha256(sharps.data));
  });

  const kinds = [
    ...([1, 2, 4, 8, 16] as const).map((depth) => [0, depth] as const),
    ...([8, 16] as const).flatMap((depth) => ([2, 4, 6] as const).map((colour) => [colour, depth] as const)),
    ...([1, 2, 4, 8] as const).map((depth) => [3, depth] as const),
  ];
  const sizes = [
    [1, 1],
    [2, 3],
    [5, 1],
    [1, 7],
    [8, 8],
    [9, 17],
    [33, 5],
  ] as const; // prettier-ignore
  it("agrees with sharp on every colour type, depth, filter and interlacing at awkward sizes", async () => {
    for (const [colour, depth] of kinds) {
      for (const [width, height] of sizes) {
        for (const interlaced of [false, true]) {
          const entries = 2 ** Math.min(depth, 8);
          const bytes = writePng({
            width,
            height,
            depth,
            colour,
            interlaced,
            sample: (x, y, c) => (x * 2654435761 + y * 40503 + c * 977 + x * y) % 2 ** depth,
            ...(colour === 3 ? { palette: Uint8Array.from({ length: entries * 3 }, (_, i) => (i * 37) & 255) } : {}),
            ...(colour === 0 && interlaced ? { transparency: Uint8Array.of(0, 1) } : {}),
          });
          const [ours, sharps] = await Promise.all([decodeInBrowserEntry(bytes), decodeImage(bytes)]);
          expect([colour, depth, width, height, interlaced, ...ours.data]).toEqual([
            colour,
            depth,
            width,
            height,
            interlaced,
            ...sharps.data,
          ]);
        }
      }
    }
  });

  it("refuses a flipped bit in any critical chunk by its checksum", async () => {
    const bytes = Uint8Array.from(fixture("rgb.png"));
    bytes[60]! ^= 4;
    await expect(decodeInBrowserEntry(bytes)).rejects.toMatchObject({ code: "corrupt_image" });
  });

  it("says which entry to import for JPEG outside a browser", async () => {
    await expect(decodeInBrowserEntry(fixture("grey.jpg"))).rejects.toMatchObject({
      code: "decoder_unavailable",
      message: expect.stringContaining("@biovlm/imaging/node"),
    });
  });
});

describe("pixel conversions", () => {
  it("maps pure inks to their complements and full black to black", () => {
    expect([...cmykToRgb(Uint8Array.of(0, 0, 0, 0, 255, 0, 0, 0, 0, 255, 0, 0, 0, 0, 255, 0, 10, 20, 30, 255))]).toEqual([
      255, 255, 255, 0, 255, 255, 255, 0, 255, 255, 255, 0, 0, 0, 0,
    ]);
  });

  it("turns an image upright for each of the eight orientations", () => {
    // Pixels a b c / d e f, by letter.
    const data = Uint8Array.from("aaabbbcccdddeeefff", (letter) => letter.charCodeAt(0));
    const turned = (orientation: number): string => {
      const { data: out, width } = turnUpright(data, 3, 2, orientation);
      const text = String.fromCharCode(...out.filter((_, i) => i % 3 === 0));
      return (text.match(new RegExp(`.{${width}}`, "g")) ?? []).join("/");
    };
    expect([1, 2, 3, 4, 5, 6, 7, 8].map(turned)).toEqual([
      "abc/def",
      "cba/fed",
      "fed/cba",
      "def/abc",
      "ad/be/cf",
      "da/eb/fc",
      "fc/eb/da",
      "cf/be/ad",
    ]);
  });
});

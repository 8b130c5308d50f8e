// Every level of the made slides against the pixels that tifffile and imagecodecs read: equal to the bit, whichever way tiles are coded.

import { inflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { sharpDecoder } from "../../src/node/index.js";
import { DICOM_SLIDES, SLIDES, sha256, slideBytes, withSlide } from "./golden-slides.js";

describe("slides", () => {
  it.each(SLIDES.filter(({ levels }) => levels[0]?.pixels === undefined))(
    "of $name have the levels, the sizes of pixels and the pixels that tifffile reads",
    async ({ bytes, levels }) => {
      await withSlide(bytes, async (slide) => {
        const found = [];
        for (const [level, { width, height, micronsPerPixel }] of slide.levels.entries()) {
          const { data } = await slide.region({ level, x: 0, y: 0, width, height });
          found.push({
            width,
            height,
            microns: micronsPerPixel === undefined ? null : Number(micronsPerPixel.toFixed(4)),
            sha256: sha256(data),
          });
        }
        expect(found).toEqual(levels);
      });
    },
  );

  it("of lossy JPEG 2000, which is transformed back in floating point, are within one of what tifffile reads", async () => {
    const lossy = SLIDES.filter(({ levels }) => levels[0]?.pixels !== undefined);
    expect(lossy).toHaveLength(1);
    for (const { bytes, levels } of lossy) {
      await withSlide(bytes, async (slide) => {
        for (const [level, { width, height, pixels }] of levels.entries()) {
          const { data } = await slide.region({ level, x: 0, y: 0, width, height });
          const expected = inflateSync(Buffer.from(pixels ?? "", "base64"));
          const steps = data.map((value, i) => Math.abs(value - (expected[i] ?? 0)));
          expect(Math.max(...steps)).toBeLessThanOrEqual(1);
          expect(steps.filter((step) => step > 0).length / steps.length).toBeLessThan(0.001);
        }
      });
    }
  });

  it("give a region as the same rectangle of the whole level, white past its edge", async () => {
    await withSlide(slideBytes("deflate, predictor"), async (slide) => {
      const { width, height } = slide.levels[0] as { width: number; height: number };
      const whole = (await slide.region({ level: 0, x: 0, y: 0, width, height })).data;
      for (const [x, y, side] of [
        [0, 0, 48],
        [47, 47, 2],
        [10, 30, 61],
        [100, 80, 60],
      ] as const) {
        const { data } = await slide.region({ level: 0, x, y, width: side, height: side });
        const expected = new Uint8Array(side * side * 3).fill(255);
        for (let row = 0; row < side && y + row < height; row++) {
          const from = ((y + row) * width + x) * 3;
          expected.set(whole.subarray(from, from + Math.min(side, width - x) * 3), row * side * 3);
        }
        expect(sha256(data)).toBe(sha256(expected));
      }
    });
  });

  it("say which regions hold nothing that is stored", async () => {
    await withSlide(slideBytes("sparse"), async (slide) => {
      const at = (x: number, y: number, side: number) => slide.stored({ level: 0, x, y, width: side, height: side });
      expect(await Promise.all([at(0, 0, 10), at(48, 0, 48), at(96, 48, 10), at(60, 96, 80), at(47, 0, 10)])).toEqual([
        true,
        false,
        true,
        false,
        true,
      ]);
    });
  });

  it("refuse regions that no level has, and those that are too large", async () => {
    await withSlide(slideBytes("ome"), async (slide) => {
      const region = { level: 0, x: 0, y: 0, width: 10, height: 10 };
      for (const wrong of [{ level: 2 }, { x: -1 }, { width: 0 }, { y: 0.5 }])
        await expect(slide.region({ ...region, ...wrong })).rejects.toMatchObject({ code: "bad_option" });
      await expect(slide.region({ ...region, width: 6000, height: 6000 })).rejects.toMatchObject({ code: "too_large" });
    });
  });
});

describe("DICOM slides", () => {
  const whole = DICOM_SLIDES;
  const named = (name: string) => whole.find((row) => row.name === name)?.files ?? [];
  const refusal = (content: readonly Uint8Array[]) => withSlide(content, async () => "opened").catch((error: Error) => error.message);

  it.each(whole)("in a folder, $name, have the levels and the pixels that imagecodecs reads", async ({ files, levels }) => {
    // the coarse level first: files lie in any order
    await withSlide([...files].reverse(), async (slide) => {
      const found = [];
      for (const [level, { width, height, micronsPerPixel }] of slide.levels.entries()) {
        const { data } = await slide.region({ level, x: 0, y: 0, width, height });
        found.push({ width, height, microns: Number(micronsPerPixel?.toFixed(4)), sha256: sha256(data) });
      }
      expect(found).toEqual(levels);
    });
  });

  it("with an extended offset table are read as other DICOM is, frame by frame", async () => {
    const slide = whole.find(({ name }) => name === "jpeg 2000, extended offsets");
    const { data, dicom } = await sharpDecoder().decode(slide?.files[0] as Uint8Array, { frame: 0 });
    expect(dicom).toMatchObject({ frame: 1, frames: 9 });
    await withSlide(slide?.files ?? [], async (opened) => {
      expect(sha256(data)).toBe(sha256((await opened.region({ level: 0, x: 0, y: 0, width: 48, height: 48 })).data));
    });
  });

  it("of one file have one level, and other files of a folder are left out", async () => {
    const [{ files, levels }] = whole as [(typeof whole)[number]];
    await withSlide(files[1] as Uint8Array, async (slide) => expect(slide.levels).toMatchObject([{ width: levels[1]?.width }]));
    await withSlide([...files, Buffer.from("a text"), new Uint8Array(0)], async (slide) => expect(slide.levels).toHaveLength(2));
  });

  it("that are of two series, or no slides at all are refused in words", async () => {
    const [{ files }] = whole as [(typeof whole)[number]];
    const other = Buffer.from(files[1] as Uint8Array);
    other.write("1.2.3.5", other.indexOf("1.2.3.4\0"), "latin1");
    expect(await refusal([files[0] as Uint8Array, other])).toContain("got 2");
    expect(await refusal([files[2] as Uint8Array])).toContain("without levels");
    expect(await refusal([Buffer.from("a text")])).toContain("no slide");
  });

  it("that are tiled sparse say which tiles are stored", async () => {
    await withSlide(named("tiled sparse"), async (slide) => {
      const stored = [];
      for (let tile = 0; tile < 9; tile++) {
        const region = { level: 0, x: (tile % 3) * 48, y: Math.floor(tile / 3) * 48, width: 48, height: 48 };
        if (await slide.stored(region)) stored.push(tile);
      }
      expect(stored).toEqual([0, 1, 2, 4, 7]);
    });
  });

  it("in parts say which are missing", async () => {
    const [first, second] = named("full in two files") as [Uint8Array, Uint8Array];
    for (const part of [first, second]) expect(await refusal([part])).toMatch(/all 9 frames of its concatenation, got \d of 1 files/);
    expect(await refusal([first, second])).toBe("opened");
    // of a sparse one that is not known: what is there is read
    await withSlide(named("tiled sparse in two files").slice(0, 1), async ({ levels }) => expect(levels).toHaveLength(1));
  });

  /** The position of the first frame of "tiled sparse", column or row, as another number. */
  const moved = (element: number, value: number) => {
    const [file] = named("tiled sparse") as [Uint8Array];
    const bytes = Buffer.from(file);
    bytes.writeInt32LE(value, bytes.indexOf(Buffer.from([0x48, 0x00, element, 0x02, 0x53, 0x4c, 4, 0])) + 8);
    return [bytes];
  };

  it.each([
    ["off the grid", moved(0x1e, 2), "off a grid"],
    ["at the place of another", moved(0x1f, 49), "several frames at one place"],
    ["outside", moved(0x1f, 0x7fff_ff01), "outside of it"],
    ["before the first", moved(0x1e, 0), "outside of it"],
  ])("with a tile %s are refused", async (_, files, words) => {
    expect(await refusal(files)).toContain(words);
  });
});

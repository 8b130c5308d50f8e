// Slides made to harm: every one ends in pixels of the promised size or in a typed error, nothing is allocated by what the file claims, and
// nothing hangs.

import { cases, mutations } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { ImagingError } from "../../src/node/index.js";
import { type ByteSource, RangeReader } from "../../src/slides/range-reader.js";
import { TiffFile } from "../../src/slides/tiff-directory.js";
import { tiffLevels } from "../../src/slides/tiff-levels.js";
import { DICOM_SLIDES, SLIDES, slideBytes, withSlide } from "./golden-slides.js";

/** Fields of a directory: tag, type (3 SHORT, 4 LONG), count, value. */
type Entry = readonly [tag: number, type: number, count: number, value: number];

const LEVEL: readonly Entry[] = [
  [256, 4, 1, 1000],
  [257, 4, 1, 1000],
  [258, 3, 1, 8],
  [259, 3, 1, 1],
  [262, 3, 1, 1],
  [277, 3, 1, 1],
  [322, 3, 1, 256],
  [323, 3, 1, 256],
  [324, 4, 16, 8],
  [325, 4, 16, 8],
];

/** A classic TIFF of one directory, with some fields otherwise. `next` is where the chain goes on. */
function tiff(changes: readonly Entry[] = [], next = 0): Uint8Array {
  const entries = [...LEVEL.filter(([tag]) => !changes.some(([changed]) => changed === tag)), ...changes].sort((a, b) => a[0] - b[0]);
  const bytes = Buffer.alloc(8 + 2 + entries.length * 12 + 4 + 256);
  bytes.write("II*\0", "latin1");
  bytes.writeUInt32LE(8, 4);
  bytes.writeUInt16LE(entries.length, 8);
  for (const [i, [tag, type, count, value]] of entries.entries()) {
    bytes.writeUInt16LE(tag, 10 + i * 12);
    bytes.writeUInt16LE(type, 12 + i * 12);
    bytes.writeUInt32LE(count, 14 + i * 12);
    bytes.writeUInt32LE(value, 18 + i * 12);
  }
  bytes.writeUInt32LE(next, 10 + entries.length * 12);
  return bytes;
}

const refused = (bytes: Uint8Array) =>
  withSlide(bytes, (slide) => slide.region({ level: 0, x: 0, y: 0, width: 64, height: 64 })).then(
    () => "pixels",
    (error: unknown) => {
      expect(error).toBeInstanceOf(ImagingError);
      return `${(error as ImagingError).code}: ${(error as ImagingError).message}`;
    },
  );

describe("hostile slides", () => {
  it.each([
    ["directories in a loop", tiff([], 8), /^corrupt_image: .*loop/],
    ["a directory past the end", tiff([], 4_000_000_000), /^corrupt_image: truncated/],
    [
      "two milliard tiles",
      tiff([
        [256, 4, 1, 0x7fffffff],
        [257, 4, 1, 0x7fffffff],
      ]),
      /^too_large: .*tiles/,
    ],
    ["fewer places than tiles", tiff([[324, 4, 3, 8]]), /^corrupt_image: .*16 tiles.*got 3/],
    ["places that lie past the end", tiff([[324, 4, 16, 4_000_000_000]]), /^corrupt_image: truncated/],
    [
      "a tile that lies past the end",
      tiff([
        [324, 4, 16, 8],
        [325, 4, 16, 14],
      ]),
      /^corrupt_image/,
    ],
    [
      "a tile of 65 535 by 65 535",
      tiff([
        [322, 3, 1, 65_535],
        [323, 3, 1, 65_535],
      ]),
      /^too_large: .*65535×65535/,
    ],
    ["tiles of no size", tiff([[322, 3, 1, 0]]), /^corrupt_image: .*no size/],
    ["no pixels", tiff([[257, 4, 1, 0]]), /^corrupt_image: .*1000×0/],
    ["16 bits", tiff([[258, 3, 1, 16]]), /^unsupported_format: .*16 bits/],
    ["an unknown compression", tiff([[259, 3, 1, 34_892]]), /^unsupported_format: .*34892/],
    [
      "JPEG tables of a gigabyte",
      tiff([
        [259, 3, 1, 7],
        [347, 7, 2 ** 30, 8],
      ]),
      /^corrupt_image: .*tables/,
    ],
    ["JPEG that is none", tiff([[259, 3, 1, 7]]), /^corrupt_image/],
    ["a hundred thousand sub-directories", tiff([[330, 4, 100_000, 8]]), /^corrupt_image: .*sub-directories/],
    ["strips", tiff([[322, 3, 0, 0]]), /^unsupported_format: .*without tiles/],
    ["a palette", tiff([[262, 3, 1, 3]]), /^unsupported_format/],
  ] as const)("of %s are refused with a code", async (_, bytes, expected) => {
    expect(await refused(bytes)).toMatch(expected);
  });

  it("whose JPEG tables are missing are refused, not drawn grey", async () => {
    const bytes = slideBytes("svs");
    // the tag becomes one that nobody reads
    for (let at = 0; at + 4 <= bytes.length; at++)
      if (bytes[at] === 0x5b && bytes[at + 1] === 0x01 && bytes[at + 2] === 7 && bytes[at + 3] === 0) bytes[at + 1] = 0x7f;
    expect(await refused(bytes)).toMatch(/^corrupt_image/);
  });

  it("read a header of a huge file by a few small ranges", async () => {
    const head = tiff([
      [256, 4, 1, 200_000],
      [257, 4, 1, 200_000],
      [324, 4, 611_524, 1_000_000],
      [325, 4, 611_524, 8_000_000],
    ]);
    let read = 0;
    const source: ByteSource = {
      size: 2 ** 40,
      async read(at, length) {
        read += length;
        const bytes = new Uint8Array(length);
        bytes.set(head.subarray(at, at + length));
        return bytes;
      },
    };
    const { levels } = await tiffLevels(await TiffFile.open(new RangeReader(source)));
    expect(levels[0]?.columns).toBe(782);
    expect(await levels[0]?.place(611_523)).toEqual({ at: 0, length: 0 });
    expect(read).toBeLessThanOrEqual(4 * 65_536);
  });
});

describe("mutated slides", () => {
  const firsts = DICOM_SLIDES.map(({ name, files }) => ({ name, bytes: files[0] as Uint8Array }));
  const kinds: [string, Uint8Array[]][] = [
    ["every kind", [...SLIDES, ...firsts].map(({ bytes }) => bytes)],
    ["tiles placed one by one", firsts.filter(({ name }) => name.startsWith("tiled sparse")).map(({ bytes }) => bytes)],
    ["ZSTD and coarser colours", SLIDES.filter(({ name }) => /zstd|4:2/.test(name)).map(({ bytes }) => bytes)],
  ];

  it.each(kinds)(
    "of %s end in pixels of the promised size or a typed error that quotes nothing",
    async (_, seeds) => {
      const counts = { pixels: 0, refused: 0 };
      for (const seed of seeds) {
        for (const mutated of mutations(29, seed, Math.ceil(cases(10_000, 100) / seeds.length))) {
          try {
            await withSlide(mutated, async (slide) => {
              for (const level of slide.levels.keys()) {
                const { data } = await slide.region({ level, x: 0, y: 0, width: 150, height: 110 });
                expect(data.length).toBe(150 * 110 * 3);
              }
            });
            counts.pixels++;
          } catch (error) {
            expect(error).toBeInstanceOf(ImagingError);
            expect((error as ImagingError).message).not.toMatch(/Aperio|NOBODY/);
            counts.refused++;
          }
        }
      }
      expect(counts.pixels).toBeGreaterThan(0);
      expect(counts.refused).toBeGreaterThan(0);
    },
    600_000,
  );
});

// Slides from the command line: which tiles are answered, what is told of them, heat maps, and what a slide costs in memory.

import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { inflateSync } from "node:zlib";
import { decodeImage, openSlide } from "@biovlm/imaging/node";
import { openSafetensors } from "@biovlm/model/backbone";
import { golden, soak } from "@biovlm/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodePng } from "../src/phantoms/png-file.js";
import { drawHeatMap, heatColour } from "../src/slide/heat-map.js";
import { call, folder } from "./call.js";
import { compile, start } from "./program.js";

const { rows, dicom } = JSON.parse(readFileSync(golden("slides.json"), "utf8")) as {
  rows: { name: string; bytes: string }[];
  dicom: { name: string; files: string[] }[];
};
const put = (name: string, place: string) => {
  const path = join(place, "slide.tif");
  writeFileSync(path, Buffer.from(rows.find((row) => row.name === name)?.bytes ?? "", "base64"));
  return place;
};
const CLASSES = ["tumour", "normal tissue"].flatMap((name) => ["--class", name]);

interface TileElement {
  readonly tile: { readonly x: number; readonly y: number; readonly side: number; readonly level: number; readonly tissue: number };
  readonly predictions: readonly { readonly class: string; readonly probability: number }[];
}
interface SlideElement {
  readonly tiles: {
    readonly count: number;
    readonly tissue: number;
    readonly answered: number;
    readonly level: number;
    readonly surest: object[];
  };
  readonly predictions: TileElement["predictions"];
  readonly notice: string;
  readonly heatMaps?: readonly { readonly class: string; readonly file: string }[];
}

const answered = async (words: readonly string[], cwd: string) => {
  const { code, out, err } = await call(["slide", "slide.tif", ...words, ...CLASSES, "--json"], { cwd });
  expect(code, err).toBe(0);
  const elements = JSON.parse(out) as (TileElement | SlideElement)[];
  return { tiles: elements.slice(0, -1) as TileElement[], slide: elements.at(-1) as SlideElement };
};
const of = ({ predictions }: Pick<TileElement, "predictions">, name: string) =>
  predictions.find((p) => p.class === name)?.probability ?? Number.NaN;

describe("slide", () => {
  it("answers the tiles that show tissue, and the slide by their mean", async () => {
    const { tiles, slide } = await answered(["--tile", "48"], put("sparse", folder("sparse")));
    expect(tiles.map(({ tile }) => [tile.x, tile.y, tile.side, tile.level])).toEqual([
      [0, 0, 48, 0],
      [96, 48, 48, 0],
    ]);
    for (const { tile } of tiles) expect(tile.tissue).toBeGreaterThan(0.5);
    expect(slide.tiles).toMatchObject({ count: 9, tissue: 2, answered: 2, level: 0 });
    expect(of(slide, "tumour")).toBeCloseTo((of(tiles[0]!, "tumour") + of(tiles[1]!, "tumour")) / 2, 12);
    expect(slide.tiles.surest).toHaveLength(2);
    expect(slide.notice).toBe("Research use only, not a medical device.");
  });

  it("takes the coarsest level that is fine enough, and tiles by µm", async () => {
    const place = put("jpeg 4:2:0", folder("levels"));
    const at = async (...words: string[]) => (await answered([...words, "--min-tissue", "0"], place)).tiles.map(({ tile }) => tile);
    const half = await at("--microns-per-pixel", "0.5", "--tile", "30");
    expect(half[1]).toMatchObject({ x: 60, y: 0, side: 60, level: 1, micronsPerPixel: 0.5 });
    expect(half).toHaveLength(6);
    const between = await at("--microns-per-pixel", "0.4", "--tile", "30");
    expect(between[1]).toMatchObject({ x: 48, y: 0, side: 48, level: 0, micronsPerPixel: 0.4 });
    expect((await at("--level", "1", "--tile", "34"))[1]).toMatchObject({ x: 68, side: 68, level: 1, micronsPerPixel: 0.5 });
    const finer = await call(["slide", "slide.tif", ...CLASSES, "--microns-per-pixel", "0.1"], { cwd: place });
    expect([finer.code, finer.err]).toEqual([2, expect.stringContaining("at least 0.25")]);
  });

  it("names --level where a slide does not say how large its pixels are", async () => {
    const place = put("uncompressed grey, 72 dots an inch", folder("unsaid"));
    const { code, err } = await call(["slide", "slide.tif", ...CLASSES], { cwd: place });
    expect([code, err]).toEqual([2, expect.stringMatching(/no_resolution[\s\S]*--level N, one of 0 \(136 × 104\), 1 \(68 × 52\)/)]);
    const { slide } = await answered(["--level", "1", "--tile", "16"], place);
    expect(slide.tiles).toMatchObject({ answered: 0, level: 1 });
  });

  it("prints a table, and the slide beside it", async () => {
    const { code, out, err } = await call(["slide", "slide.tif", "--tile", "48", "--class", "tumour", "--class", 'other, "so"', "--csv"], {
      cwd: put("sparse", folder("table")),
    });
    expect(code).toBe(0);
    const lines = out.trim().split("\n");
    expect(lines[0]).toBe('slide,x,y,side,level,microns_per_pixel,tissue,tumour,"other, ""so"""');
    expect(lines.slice(1).map((line) => line.split(",").slice(0, 6).join(","))).toEqual([
      "slide.tif,0,0,48,0,0.5",
      "slide.tif,96,48,48,0,0.5",
    ]);
    expect(err).toContain("2 of 2 tiles of tissue");
  });

  it("writes a heat map for each class, whose pixels are the tiles' probabilities", async () => {
    const place = put("sparse", folder("maps"));
    const { tiles, slide } = await answered(["--tile", "48", "--heat-map", "maps"], place);
    expect(readdirSync(join(place, "maps")).sort()).toEqual(["01-tumour.png", "02-normal-tissue.png"]);
    for (const { class: name, file } of slide.heatMaps ?? []) {
      const { data, width } = await decodeImage(readFileSync(join(place, file)));
      const pixel = (column: number, row: number) => {
        const at = ((12 + row * 24 + 3) * width + 12 + column * 24 + 3) * 3;
        return [...data.subarray(at, at + 3)];
      };
      expect(pixel(0, 0)).toEqual([...heatColour(of(tiles[0]!, name))]);
      expect(pixel(2, 1)).toEqual([...heatColour(of(tiles[1]!, name))]);
      expect(pixel(1, 1)).toEqual([224, 224, 224]);
    }
  });

  it("draws one scale whatever the values are", () => {
    const bar = (values: number[]) => {
      const { data, width, height } = drawHeatMap({ columns: 2, rows: 1, values: Float32Array.from(values) });
      const left = 12 + 48 + 12;
      return Array.from({ length: height }, (_, y) => [...data.subarray((y * width + left) * 3, (y * width + left) * 3 + 3)].join());
    };
    expect(bar([0.1, 0.2])).toEqual(bar([0.9, Number.NaN]));
    expect([heatColour(0), heatColour(1), heatColour(7)]).toEqual([
      [68, 1, 84],
      [253, 231, 37],
      [253, 231, 37],
    ]);
  });

  it("refuses what is no slide, and two ways of printing", async () => {
    const place = folder("none");
    writeFileSync(join(place, "slide.tif"), "neither");
    const none = await call(["slide", "slide.tif", ...CLASSES], { cwd: place });
    expect([none.code, none.err]).toEqual([1, expect.stringContaining("unsupported_format")]);
    expect((await call(["slide", "gone.svs", ...CLASSES], { cwd: place })).code).toBe(3);
    expect((await call(["slide", "slide.tif", ...CLASSES, "--json", "--csv"], { cwd: place })).code).toBe(2);
  });
});

describe("embed --slide", () => {
  const embedded = async (cwd: string, ...words: string[]) => {
    const result = await call(["embed", ...words, "--json"], { cwd });
    return { ...result, summary: JSON.parse(result.out || "{}") as { rows: number; embedded: number; reused: number; failed: number } };
  };
  const list = (path: string) =>
    readFileSync(`${path}.rows.jsonl`, "utf8")
      .trimEnd()
      .split("\n")
      .slice(1)
      .map((line) => (JSON.parse(line) as { file: string }).file);
  const vectors = (path: string) =>
    openSafetensors(new Uint8Array(readFileSync(path)))
      .tensors.get("embeddings")
      ?.bytes()
      .slice();

  it("writes a row for each tile of tissue, named by where it lies, and the second time none", async () => {
    const place = put("sparse", folder("embedded"));
    const words = ["--slide", "slide.tif", "--tile", "48", "--out", "tiles.npz"];
    expect((await embedded(place, ...words)).summary).toMatchObject({ rows: 2, embedded: 2, failed: 0 });
    expect(list(join(place, "tiles.npz"))).toEqual(["slide.tif#xywh=0,0,48,48", "slide.tif#xywh=96,48,48,48"]);
    expect((await embedded(place, ...words)).summary).toMatchObject({ rows: 2, embedded: 0, reused: 2 });
  });

  it("gives a tile the row of a file with its pixels", async () => {
    const place = put("sparse", folder("as-file"));
    const slide = await openSlide(join(place, "slide.tif"));
    for (const [i, x, y] of [
      [0, 0, 0],
      [1, 96, 48],
    ] as const)
      writeFileSync(join(place, `${i}.png`), encodePng(await slide.region({ level: 0, x, y, width: 48, height: 48 })));
    await slide.close();
    await embedded(place, "--slide", "slide.tif", "--tile", "48", "--out", "tiles.safetensors");
    await embedded(place, "0.png", "1.png", "--out", "files.safetensors");
    expect(vectors(join(place, "tiles.safetensors"))).toEqual(vectors(join(place, "files.safetensors")));
  });

  it("reads slide after slide, of DICOM by folder, and names one that it cannot read", async () => {
    const place = put("jpeg 4:2:0", folder("several"));
    writeFileSync(join(place, "none.svs"), "neither");
    mkdirSync(join(place, "levels"));
    const whole = dicom.find(({ name }) => name === "tiled sparse");
    for (const [i, bytes] of (whole?.files ?? []).entries())
      writeFileSync(join(place, "levels", `${i}`), inflateSync(Buffer.from(bytes, "base64")));
    const words = ["--slide", "slide.tif", "none.svs", "levels", "--level", "0", "--tile", "48", "--min-tissue", "0.01"];
    const { code, summary, err } = await embedded(place, ...words, "--out", "tiles.npy");
    expect([code, summary.failed]).toEqual([6, 1]);
    expect(err).toContain("none.svs: error[unsupported_format]");
    const names = list(join(place, "tiles.npy"));
    expect(names).toHaveLength(9 + 5);
    expect(names.at(-1)).toBe("levels#xywh=48,96,48,48");
  });

  it.each([
    [["slide.tif", "--tile", "48"], "--tile — expected with --slide"],
    [["--slide", "slide.tif", "--window", "lung"], "--window — expected without --slide"],
    [["--slide", "slide.tif", "--ultrasound-region"], "--ultrasound-region — expected without --slide"],
  ])("refuses %j, which says nothing", async (words, message) => {
    const { code, err } = await embedded(put("sparse", folder("refused")), ...words, "--out", "tiles.npy");
    expect([code, err]).toEqual([2, expect.stringContaining(message)]);
  });
});

describe("classify on a slide", () => {
  it("names the command that reads it, where it is too large for an image", async () => {
    const place = put("svs", folder("too-large"));
    const refusal = async (...words: string[]) => (await call(["classify", "slide.tif", ...CLASSES, ...words], { cwd: place })).err;
    expect(await refusal("--max-image-bytes", "1k")).toContain("It is a slide: read it by its tiles (biovlm slide)");
    expect(await refusal("--max-pixels", "9k")).toContain("Read a slide by its tiles (biovlm slide)");
    writeFileSync(join(place, "slide.tif"), Buffer.alloc(2000));
    expect(await refusal("--max-image-bytes", "1k")).toContain("Use a smaller image");
  });

  it("says of a DICOM frame that it is one tile of many, and slide reads the folder of its levels", async () => {
    const place = folder("dicom");
    const [first] = dicom;
    for (const [i, bytes] of (first?.files ?? []).entries())
      writeFileSync(join(place, `${i}.dcm`), inflateSync(Buffer.from(bytes, "base64")));
    expect((await call(["classify", "0.dcm", ...CLASSES], { cwd: place })).out).toContain("one tile of a whole-slide image; biovlm slide");
    const { code, out } = await call(["slide", ".", ...CLASSES, "--tile", "48", "--min-tissue", "0", "--jsonl"], { cwd: place });
    expect(code).toBe(0);
    const lines = out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as TileElement & SlideElement & { format?: string });
    expect(lines.at(-1)).toMatchObject({ format: "dicom", tiles: { count: 4, answered: 4, level: 1 }, size: { width: 136, height: 104 } });
    expect(lines[1]?.tile).toMatchObject({ x: 96, y: 0, side: 96 });
    expect(out).not.toContain("NOBODY");
  });
});

const SIDE = soak ? 100_000 : 60_000;
const TILE = 256;

/** A BigTIFF of one level of SIDE × SIDE pixels at 0.25 µm, of which only some tiles are stored; they share their bytes. */
function sparseSlide(path: string, stored: readonly number[]): void {
  const across = Math.ceil(SIDE / TILE);
  const tiles = across * across;
  const pixels = Buffer.alloc(TILE * TILE * 3);
  for (let i = 0; i < TILE * TILE; i++) pixels.set([200, (i * 7) % 120, 180 - (i % 50)], i * 3);
  const entries: (readonly [number, number, number, bigint])[] = [
    [256, 4, 1, BigInt(SIDE)],
    [257, 4, 1, BigInt(SIDE)],
    [258, 3, 3, 0x0008_0008_0008n],
    [259, 3, 1, 1n],
    [262, 3, 1, 2n],
    [277, 3, 1, 3n],
    [282, 5, 1, (1n << 32n) + 40_000n],
    [296, 3, 1, 3n],
    [322, 4, 1, BigInt(TILE)],
    [323, 4, 1, BigInt(TILE)],
  ];
  const tables = 16 + 8 + (entries.length + 2) * 20 + 8;
  const at = tables + tiles * 12;
  const all = [...entries, [324, 16, tiles, BigInt(tables)] as const, [325, 4, tiles, BigInt(tables + tiles * 8)] as const];
  const head = Buffer.alloc(at);
  head.write("II+\0", "latin1");
  head.writeUInt16LE(8, 4);
  head.writeBigUInt64LE(16n, 8);
  head.writeBigUInt64LE(BigInt(all.length), 16);
  for (const [i, [tag, type, count, value]] of all.entries()) {
    head.writeUInt16LE(tag, 24 + i * 20);
    head.writeUInt16LE(type, 26 + i * 20);
    head.writeBigUInt64LE(BigInt(count), 28 + i * 20);
    head.writeBigUInt64LE(value, 36 + i * 20);
  }
  for (const tile of stored) {
    head.writeBigUInt64LE(BigInt(at), tables + tile * 8);
    head.writeUInt32LE(pixels.length, tables + tiles * 8 + tile * 4);
  }
  const file = openSync(path, "w");
  writeSync(file, head);
  writeSync(file, pixels);
  closeSync(file);
}

describe("a slide of 60 000 × 60 000 pixels and more", () => {
  const place = mkdtempSync(join(tmpdir(), "biovlm-large-slide-"));
  beforeAll(compile, 600_000);
  afterAll(() => rmSync(place, { recursive: true, force: true }));

  it("is answered in under 500 MB, and embedded", async () => {
    const path = join(place, "large.tif");
    const across = Math.ceil(SIDE / TILE);
    const stored = Array.from({ length: soak ? 400 : 40 }, (_, i) => i * 97 + Math.floor(i / 10) * across * 5);
    sparseSlide(path, stored);
    const peak = join(place, "peak");
    const measure = join(place, "measure.mjs");
    const written = `process.on("exit", () => writeFileSync(${JSON.stringify(peak)}, String(process.resourceUsage().maxRSS * 1024)))`;
    writeFileSync(measure, `import { writeFileSync } from "node:fs";\n${written};\n`);
    const run = async (words: readonly string[]) => {
      const { code, out, err } = await start([...words, "--device", "wasm", "--threads", "1"], place, {
        limitMs: 540_000,
        env: { NODE_OPTIONS: `--import=${pathToFileURL(measure).href}` },
      });
      expect(code, err).toBe(0);
      const memory = Number(readFileSync(peak, "utf8"));
      console.log(`${words[0]}: ${SIDE} × ${SIDE} pixels, ${stored.length} tiles stored, at most ${(memory / 1e6).toFixed(0)} MB`);
      expect(memory).toBeLessThan(500e6);
      return out.trim().split("\n");
    };
    const lines = await run(["slide", path, "--tile", "128", ...CLASSES, "--jsonl"]);
    const { tiles } = JSON.parse(lines.at(-1) ?? "{}") as SlideElement;
    expect(tiles).toMatchObject({ count: across * across, tissue: stored.length, answered: stored.length });
    expect(lines).toHaveLength(stored.length + 1);
    if (!soak) return;
    // squares that do not lie as the stored tiles do, which share their bytes: each shows something else
    const [summary] = await run(["embed", "--slide", path, "--tile", "97", "--min-tissue", "0.1", "--out", join(place, "t.npy"), "--json"]);
    const { rows: found, embedded, failed } = JSON.parse(summary ?? "{}") as { rows: number; embedded: number; failed: number };
    expect(failed).toBe(0);
    expect(found).toBeGreaterThan(stored.length);
    expect(embedded).toBeGreaterThan(found / 2);
  }, 1_200_000);
});

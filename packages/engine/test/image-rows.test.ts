// Image sources → rows → answers: each source opened, decoded and prepared once, in order; a bad one is an element.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Core, loadCore } from "@biovlm/core";
import { ImagingError } from "@biovlm/imaging/node";
import { type Classification, type Classifier, EncoderError } from "@biovlm/model";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ClassifiedImage, classifyImages, rowPreparation } from "../src/images/classified-images.js";
import { imageFailure } from "../src/images/image-failure.js";
import { fileSource } from "../src/images/image-file.js";
import { type ImageRow, imageRows, type PixelRow } from "../src/images/image-rows.js";
import { bytesSource, type ImageSource } from "../src/images/index.js";
import { AS_THEY_COME, greyPng, greyRow, toyEncoder } from "./toy-encoder.js";

const folder = mkdtempSync(join(tmpdir(), "images-"));
const spec = { size: 8, mean: [0, 0, 0], std: [1, 1, 1] } as const;
const limits = { ...AS_THEY_COME, maxImageBytes: 10_000, maxPixels: 10_000 };
let core: Core;
beforeAll(async () => {
  core = await loadCore();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const preparation = () => ({ ...rowPreparation(core, spec, limits), concurrency: 3 });
const sourcesOf = (greys: readonly number[]) =>
  Promise.all(greys.map(async (grey): Promise<ImageSource> => bytesSource(`grey ${grey}`, await greyPng(grey))));

async function gathered<T>(all: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const one of all) list.push(one);
  return list;
}
const grey = (row: ImageRow | undefined) => (row?.kind === "pixels" ? Math.round(row.rgb[0] ?? 0) : row?.kind);

describe("rows of images", () => {
  it("come in the order of their sources, with the digest of their bytes and the bytes of the core's own resize", async () => {
    const greys = [200, 3, 77, 0, 255, 128];
    const sources = await sourcesOf(greys);
    const rows = await gathered(imageRows(sources, preparation()));
    expect(rows.map(grey)).toEqual(greys);
    for (const [i, row] of rows.entries()) {
      const content = await sources[i]!.open();
      expect(row.source).toBe(sources[i]);
      expect(content.kind === "file" && createHash("sha256").update(content.bytes).digest("hex")).toBe(row.sha256);
    }
  });

  it("take raw pixels as a data set holds them, grey or colour, without a decoder", async () => {
    const raw = (channels: 1 | 3, value: number): ImageSource => ({
      name: "raw",
      open: async () => ({ kind: "pixels", data: new Uint8Array(64 * channels).fill(value), width: 8, height: 8, channels }),
    });
    const rows = await gathered(imageRows([raw(1, 51), raw(3, 102)], preparation()));
    expect(rows.map(grey)).toEqual([51, 102]);
    expect(new Set(rows.map(({ sha256 }) => sha256)).size).toBe(2);
  });

  it("need no decoding where the content is known, and a small copy where one is asked for", async () => {
    const [a, b] = await sourcesOf([10, 20]);
    const [first] = await gathered(imageRows([a!], preparation()));
    const rows = await gathered(imageRows([a!, b!], { ...preparation(), known: (sha256) => sha256 === first?.sha256, thumbnail: 4 }));
    expect(rows.map(({ kind }) => kind)).toEqual(["known", "pixels"]);
    expect((rows[1] as PixelRow).thumbnail).toEqual(new Uint8Array(48).fill(20));
    expect((first as PixelRow).thumbnail).toBeUndefined();
  });

  it("open no more sources at once than they may, and none after the signal", async () => {
    let [open, most, opened] = [0, 0, 0];
    const bytes = await greyPng(9);
    const slow: ImageSource = {
      name: "slow",
      async open() {
        opened++;
        most = Math.max(most, ++open);
        await new Promise((done) => setTimeout(done, 2));
        open--;
        return { kind: "file", bytes };
      },
    };
    await gathered(
      imageRows(
        Array.from({ length: 12 }, () => slow),
        preparation(),
      ),
    );
    expect(most).toBeLessThanOrEqual(3);
    opened = 0;
    const stop = new AbortController();
    const run = (async () => {
      for await (const _ of imageRows(
        Array.from({ length: 50 }, () => slow),
        { ...preparation(), signal: stop.signal },
      ))
        stop.abort(new Error("enough"));
    })();
    await expect(run).rejects.toThrow("enough");
    expect(opened).toBeLessThan(8);
  });

  it("of files that cannot be read, decoded or allowed say why in a code, and the others go on", async () => {
    const good = join(folder, "good.png");
    writeFileSync(good, await greyPng(42));
    mkdirSync(join(folder, "folder.png"));
    writeFileSync(join(folder, "cut.png"), (await greyPng(42)).subarray(0, 60));
    writeFileSync(join(folder, "text.png"), "no image");
    writeFileSync(join(folder, "large.png"), new Uint8Array(10_001));
    execFileSync("mkfifo", [join(folder, "pipe.png")]);
    const files = ["gone.png", "folder.png", "pipe.png", "large.png", "cut.png", "text.png", "good.png"];
    const sources = files.map((name) => fileSource({ name, path: join(folder, name) }, limits));
    const rows = await gathered(imageRows(sources, preparation()));
    expect(rows.map((row) => (row.kind === "failed" ? row.error.code : row.kind))).toEqual([
      "not_found",
      "not_a_file",
      "not_a_file",
      "too_large",
      "corrupt_image",
      "unsupported_format",
      "pixels",
    ]);
    expect(rows[3]).toMatchObject({
      error: { message: "image file — expected at most 10000 bytes, got 10001. Use a smaller image, or raise --max-image-bytes." },
    });
    // what was read has a digest, and nothing that is said names the place
    expect(rows.map(({ sha256 }) => sha256 !== undefined)).toEqual([false, false, false, false, true, true, true]);
    for (const row of rows) if (row.kind === "failed") expect(row.error.message).not.toContain(folder);
  });
});

describe("why an image has no row", () => {
  it("is the code of the package that refused it, or a fault of ours", () => {
    expect(imageFailure(new ImagingError("corrupt_image", "image — damaged"))).toEqual({
      code: "corrupt_image",
      message: "image — damaged",
    });
    expect(imageFailure(new TypeError("x is not a function"))).toEqual({ code: "internal_error", message: "x is not a function" });
    expect(imageFailure(Object.assign(new Error("e"), { code: "ERR_SOMETHING" })).code).toBe("internal_error");
    expect(imageFailure("text")).toEqual({ code: "internal_error", message: "text" });
    expect(imageFailure(null).code).toBe("internal_error");
  });
});

describe("answers of images", () => {
  /** A classifier whose answer is the row it was given. */
  const classifier = {
    pixels: spec,
    classifyEmbeddings: (data: Float32Array) =>
      Array.from(
        { length: data.length / 4 },
        (_, i) => ({ row: Array.from(data.subarray(i * 4, i * 4 + 4)) }) as unknown as Classification,
      ),
  } as unknown as Classifier;
  const asked = (batch: number, runs: number[] = []) => {
    const encoder = toyEncoder("cpu");
    const counted = {
      ...encoder,
      encodeImages(pixels: Float32Array, n: number) {
        runs.push(n);
        return encoder.encodeImages(pixels, n);
      },
    };
    return { core, encoder: counted, classifier, files: { ...limits, batch }, explain: false };
  };
  const rowOf = (one: ClassifiedImage) => ("answer" in one ? (one.answer as unknown as { row: number[] }).row : one.error.code);

  it("are those of the images, in order, in runs of as many as asked; bad ones stand in their places", async () => {
    const [a, b, c, d] = (await sourcesOf([1, 90, 180, 250])) as [ImageSource, ImageSource, ImageSource, ImageSource];
    const bad = bytesSource("bad", new TextEncoder().encode("no image"));
    const runs: number[] = [];
    const all = await gathered(classifyImages([a, bad, b, c, bad, d], asked(3, runs)));
    expect(all.map(({ source }) => source)).toEqual([a, bad, b, c, bad, d]);
    expect(runs).toEqual([3, 1]);
    const expected = [greyRow(1), "unsupported_format", greyRow(90), greyRow(180), "unsupported_format", greyRow(250)];
    for (const [i, one] of all.entries()) {
      const want = expected[i]!;
      const got = rowOf(one);
      if (typeof want === "string" || typeof got === "string") expect(got).toBe(want);
      else for (const [d, value] of want.entries()) expect(got[d]).toBeCloseTo(value, 5);
    }
  });

  it("are none, and no run, where there is no image or no good one", async () => {
    const runs: number[] = [];
    expect(await gathered(classifyImages([], asked(4, runs)))).toEqual([]);
    const [one] = await gathered(classifyImages([bytesSource("bad", new Uint8Array(3))], asked(4, runs)));
    expect(rowOf(one!)).toBe("unsupported_format");
    expect(runs).toEqual([]);
  });

  it("are a code in the place of an image of which the device makes no numbers", async () => {
    const sources = await sourcesOf([1, 77, 180]);
    const encoder = toyEncoder("cpu", (grey) => {
      if (grey === 77) throw new EncoderError("cpu", "bad_output", "toy — expected numbers, got NaN.");
    });
    const all = await gathered(classifyImages(sources, { ...asked(3), encoder }));
    expect(all.map(({ source }) => source)).toEqual(sources);
    const [first, second, third] = all.map(rowOf) as [number[], string, number[]];
    expect([first[1], second, third[1]]).toEqual([Math.fround(greyRow(1)[1]!), "bad_output", Math.fround(greyRow(180)[1]!)]);
  });
});

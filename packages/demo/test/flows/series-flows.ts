// Series and volumes in the page as a person meets them: a folder of slices whose names say nothing, gone through in the order of the body, and a
// volume cut along a plane; their pixels and answers are the command line's. Registers tests; page-files.test.ts runs them in its browser.

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Plane, parseWindow, sharpDecoder } from "@biovlm/imaging/node";
import { dicomElement, dicomFile, greyElements } from "@biovlm/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { call } from "../../../cli/test/call.js";
import { allAnswered, closed, type OpenPage, picture, type Stage, settle, showsPixels, typeClasses } from "../page-under-test.js";

const CLASSES = ["brain CT", "chest CT", "abdomen CT"];
const AS_CLASSES = CLASSES.flatMap((name) => ["--class", name]);
/** What the page is set to, too. */
const EXACT = ["--device", "wasm", "--precision", "fp32", "--threads", "1", "--json"];
const SIDE = 64;
const SLICES = 12;

interface Row {
  readonly file?: string;
  readonly predictions: readonly { readonly class: string; readonly probability: number }[];
  readonly volume?: { readonly number: number; readonly slice?: number; readonly slices: number; readonly notes?: readonly string[] };
}

/** Soft tissue with bone around it and a bright spot that wanders: no slice is another one. Values in HU. */
function tissue(x: number, y: number, z: number, depth: number): number {
  const [a, b, c] = [(x - SIDE / 2) / (SIDE * 0.42), (y - SIDE / 2) / (SIDE * 0.46), (z - depth / 2) / (depth * 0.7)];
  const radius = Math.hypot(a, b, c);
  if (radius > 1) return -1000;
  if (radius > 0.88) return 900;
  return Math.hypot(x - SIDE * (0.3 + (0.4 * z) / depth), y - SIDE * 0.45) < 5 ? 160 : 35 + ((x * 7 + y * 3) % 11);
}

/** @param at position in millimetres; the content is that of the slice `z` */
function ctSlice(z: number, at: number, more: { readonly instance?: number; readonly type?: string } = {}): Uint8Array<ArrayBuffer> {
  const { instance = z, type = "ORIGINAL\\PRIMARY\\AXIAL" } = more;
  const pixels = new Int16Array(SIDE * SIDE);
  for (let i = 0; i < pixels.length; i++) pixels[i] = tissue(i % SIDE, Math.floor(i / SIDE), z, SLICES);
  return dicomFile("1.2.840.10008.1.2.1", [
    dicomElement("00080008", "CS", type),
    dicomElement("00080016", "UI", "1.2.840.10008.5.1.4.1.1.2"),
    dicomElement("00080018", "UI", `2.25.31.${instance}`),
    dicomElement("00080060", "CS", "CT"),
    dicomElement("0020000E", "UI", "2.25.4242.31"),
    dicomElement("00200032", "DS", `0\\0\\${at}`),
    dicomElement("00200037", "DS", "1\\0\\0\\0\\1\\0"),
    ...greyElements({ rows: SIDE, columns: SIDE }, { bits: 16, signed: true }),
    dicomElement("00281050", "DS", "40"),
    dicomElement("00281051", "DS", "400"),
    dicomElement("7FE00010", "OW", new Uint8Array(pixels.buffer)),
  ]);
}

/** A NIfTI volume of 16-bit values, 1 mm a side, axes right, anterior, superior. */
function nifti(depth: number): Buffer {
  const head = Buffer.alloc(352);
  head.writeInt32LE(348, 0);
  for (const [i, size] of [3, SIDE, SIDE, depth, 1, 1, 1, 1].entries()) head.writeInt16LE(size, 40 + 2 * i);
  head.writeInt16LE(4, 70);
  head.writeInt16LE(16, 72);
  for (let i = 0; i < 4; i++) head.writeFloatLE(1, 76 + 4 * i);
  head.writeFloatLE(352, 108);
  head.writeFloatLE(1, 112);
  head.writeInt16LE(1, 254);
  for (const [row, at] of [280, 296, 312].entries()) head.writeFloatLE(1, at + 4 * row);
  head.write("n+1\0", 344, "latin1");
  const voxels = new Int16Array(SIDE * SIDE * depth);
  for (let i = 0; i < voxels.length; i++) voxels[i] = tissue(i % SIDE, Math.floor(i / SIDE) % SIDE, Math.floor(i / SIDE / SIDE), depth);
  return Buffer.concat([head, Buffer.from(voxels.buffer)]);
}

export function seriesFlows(stage: () => Stage): void {
  describe("series and volumes", () => {
    let open: OpenPage;
    let folder: string;
    let volume: string;
    const nameOf = new Map<number, string>();
    beforeAll(async () => {
      folder = join(stage().folder, "archive");
      mkdirSync(folder, { recursive: true });
      for (let z = 0; z < SLICES; z++) {
        // as archives name them: the order of names says nothing
        const name = `IM${createHash("sha256").update(String(z)).digest("hex").slice(0, 8)}`;
        nameOf.set(z, name);
        // from the head down, with a gap before the last one
        writeFileSync(join(folder, name), ctSlice(z, z < SLICES - 1 ? 5 * z : 5 * z + 10));
      }
      writeFileSync(join(folder, "IMscout"), ctSlice(3, 0, { instance: 100, type: "ORIGINAL\\PRIMARY\\LOCALIZER" }));
      writeFileSync(join(folder, "IMzcopy"), ctSlice(5, 25));
      volume = join(stage().folder, "head.nii");
      writeFileSync(volume, nifti(24));
      open = await stage().open();
      await settle(open.page, { "device-choice": "wasm", "precision-choice": "fp32", "threads-choice": "1" });
      await typeClasses(open.page, CLASSES);
    });
    afterAll(() => closed(open));
    const shows = (bytes: Uint8Array) => showsPixels(open.page, createHash("sha256").update(bytes).digest("hex"));
    /** The slider's words come a moment after the pixels. */
    const slicesSay = (words: string) =>
      open.page.waitForFunction((wanted) => document.querySelector(".slices label")?.textContent === wanted, words);
    const pixelsOf = async (file: string, options: { frame?: number; plane?: Plane; window?: string } = {}) => {
      const { window, ...rest } = options;
      return (
        await sharpDecoder().decode(readFileSync(file), { ...rest, ...(window === undefined ? {} : { window: parseWindow(window) }) })
      ).data;
    };
    const slice = (z: number) => pixelsOf(join(folder, nameOf.get(z) ?? ""));
    const said = async (words: readonly string[]) => {
      const { code, out, err } = await call(["classify", ...words, ...AS_CLASSES, ...EXACT]);
      expect(code, err).toBe(0);
      return JSON.parse(out) as Row[];
    };
    const means = () => open.page.$$eval("#together-mean li", (list) => list.map((one) => one.textContent));
    const meansOf = ({ predictions }: Row) =>
      predictions.map(({ class: name, probability: p }) => {
        const share = p > 0.99 ? ">99" : p < 0.001 ? "<0.1" : (p * 100).toFixed(p >= 0.0995 ? 0 : 1);
        return `${name} ${share}\u00a0%`;
      });

    it("are one tile, in the order of the body, the middle slice in front; gaps, doubles and localisers are said", async () => {
      const { page } = open;
      await page.setInputFiles("#folder-input", folder);
      // the localiser and the double stand for themselves
      await allAnswered(page, 3);
      expect(await page.textContent("#image-count")).toBe(`2 images, 1 series of ${SLICES} slices`);
      expect(await page.textContent(".tile .slice-place:not([hidden])")).toBe(`slice ${SLICES / 2 + 1} of ${SLICES}`);
      await slicesSay(`Slice ${SLICES / 2 + 1} of ${SLICES} of this series`);
      await shows(await slice(SLICES / 2));
      const notes = await page.$$eval("#series-notes li", (list) => list.map((one) => one.textContent));
      const rows = await said([folder, "--volumes"]);
      const whole = rows.find(({ volume: of, file }) => of !== undefined && file === undefined);
      expect(notes).toEqual(whole?.volume?.notes);
      expect(notes).toEqual(["1 localiser left out", "1 image that is there twice left out", `a gap after slice ${SLICES - 1}`]);
    });

    it("are gone through by slider, wheel and keys, each slice answered as the command line answers it, and all by their mean", async () => {
      const { page } = open;
      await page.waitForFunction((n) => document.querySelector("#together")?.textContent?.includes(`Mean of ${n} of ${n} slices`), SLICES);
      await page.focus("#slice");
      await page.keyboard.press("Home");
      await shows(await slice(0));
      await page.keyboard.press("ArrowRight");
      await shows(await slice(1));
      await page.hover(".whole");
      await page.mouse.wheel(0, 100);
      await shows(await slice(2));
      expect(await page.textContent("#panel-result h2")).toBe(nameOf.get(2));
      expect(await page.$$(".tile:not([hidden])")).toHaveLength(3);
      await picture(page, "series");
      const rows = await said([folder, "--volumes"]);
      const whole = rows.find(({ volume: of, file }) => of !== undefined && file === undefined);
      expect(await means()).toEqual(meansOf(whole as Row));
      await page.click("#tab-answers");
      const [download] = await Promise.all([page.waitForEvent("download"), page.click("#answers-json")]);
      const list = JSON.parse(readFileSync(await download.path(), "utf8")) as { images: Row[] };
      const order = (own: readonly Row[]) => own.flatMap((row) => (row.volume?.slice === undefined || row.file === undefined ? [] : [row]));
      const ours = order(list.images).sort((a, b) => (a.volume?.slice ?? 0) - (b.volume?.slice ?? 0));
      const theirs = order(rows);
      expect(ours.map(({ file }) => file?.split("/").at(-1))).toEqual(theirs.map(({ file }) => file?.split("/").at(-1)));
      expect(ours).toHaveLength(SLICES);
      for (const [i, { predictions }] of ours.entries()) {
        const other = new Map(theirs[i]?.predictions.map((one) => [one.class, one.probability]));
        for (const { class: name, probability } of predictions) expect(probability).toBeCloseTo(other.get(name) ?? Number.NaN, 5);
      }
      await page.click("#tab-result");
    });

    it("take one label for all slices, undone in one step, and go as one", async () => {
      const { page } = open;
      await page.click("#tab-learn");
      await page.keyboard.press("1");
      const labelled = () => page.textContent(".counts li:first-child");
      expect(await labelled()).toBe(`brain CT: ${SLICES} labelled`);
      await page.click("#undo");
      expect(await labelled()).toBe("brain CT: 0 labelled");
      await page.click("#tab-result");
      await page.click(".tile:has(.slice-place:not([hidden]))");
      await page.click("#remove-one");
      expect(await page.textContent("#image-count")).toBe("2 images");
      await page.click("#undo");
      expect(await page.textContent("#image-count")).toBe(`2 images, 1 series of ${SLICES} slices`);
      await page.click("#remove-all");
    });

    it("of NIfTI are cut along the plane that is chosen and shown in a window, with the command line's pixels", async () => {
      const { page } = open;
      await page.setInputFiles("#file-input", volume);
      await allAnswered(page, 1);
      await shows(await pixelsOf(volume));
      await slicesSay("Axial slice 13 of 24");
      await page.focus("#slice");
      await page.keyboard.press("ArrowRight");
      await shows(await pixelsOf(volume, { frame: 13 }));
      await page.selectOption("#plane-choice", "sagittal");
      await shows(await pixelsOf(volume, { plane: "sagittal" }));
      await slicesSay(`Sagittal slice ${SIDE / 2 + 1} of ${SIDE}`);
      await page.click("#undo");
      await shows(await pixelsOf(volume));
      await page.selectOption("#plane-choice", "coronal");
      await page.selectOption("#window-choice", "brain");
      await shows(await pixelsOf(volume, { plane: "coronal", window: "brain" }));
      await picture(page, "volume");
    });

    it("of NIfTI are answered slice by slice when that is asked for, and by their mean", async () => {
      const { page } = open;
      await page.selectOption("#plane-choice", "axial");
      await allAnswered(page, 1);
      expect(await page.textContent("#together h3")).toBe("All 24 slices");
      await page.click("#answer-all");
      await page.waitForSelector("#together-mean");
      const rows = await said([volume, "--frame", "all", "--window", "brain"]);
      expect(await means()).toEqual(meansOf(rows.at(-1) as Row));
      await page.selectOption("#window-choice", "bone");
      await page.waitForSelector("#answer-all");
      expect(await page.$$("#together-mean")).toHaveLength(0);
    });
  });
}

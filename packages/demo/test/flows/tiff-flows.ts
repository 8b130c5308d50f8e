// TIFF in the page as a person meets it: a folder of what scanners, microscopes and converters write, pages that are gone through, and one that is
// refused in words. Every picture has the command line's bytes and its answer. Registers tests; page-files.test.ts runs them in its browser.

import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { sharpDecoder } from "@biovlm/imaging/node";
import { golden } from "@biovlm/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { call } from "../../../cli/test/call.js";
import { allAnswered, type OpenPage, picture, type Stage, settle, showsPixels, typeClasses } from "../page-under-test.js";

const fixtures = join(dirname(fileURLToPath(import.meta.url)), "../../../imaging/test/fixtures");
const CLASSES = ["chest X-ray", "head CT"];
/** Files by where they come from: a name of a fixture, or a row of a golden. */
const FILES: readonly (readonly [name: string, golden: string | undefined, row: string])[] = [
  ["a-jpeg.tif", undefined, "rgb-jpeg.tif"],
  ["d-tiles.tif", "tiff-kinds.json", "rgb16 lzw tiles big predictor"],
  ["f-zstd.tif", "tiff.json", "zstd rgb strips predictor"],
  ["g-pages.tif", "tiff-pages.json", "big endian BigTIFF with previews"],
];
const CMYK_JPEG = "h-refused.tif";
/** Values that are no shades. */
const FRACTIONS = "i-float.tif";
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

export function tiffFlows(stage: () => Stage): void {
  describe("TIFF", () => {
    let open: OpenPage;
    let folder: string;
    const file = (name: string) => join(folder, name);
    const shownAs = async (name: string, frame?: number) => {
      const { data } = await sharpDecoder().decode(readFileSync(file(name)), frame === undefined ? {} : { frame });
      await showsPixels(open.page, sha256(data));
    };
    const exact = ["--device", "wasm", "--precision", "fp32", "--threads", "1", "--json", ...CLASSES.flatMap((name) => ["--class", name])];
    const told = async (asked: readonly string[]) => {
      const { code, out, err } = await call(["classify", ...asked, ...exact]);
      expect(code, err).toBe(0);
      return JSON.parse(out) as { predictions: { class: string; probability: number }[] }[];
    };
    beforeAll(async () => {
      folder = join(stage().folder, "tiff");
      mkdirSync(folder, { recursive: true });
      for (const [name, from, row] of FILES) {
        if (from === undefined) copyFileSync(join(fixtures, row), file(name));
        else {
          const { rows } = JSON.parse(readFileSync(golden(from), "utf8")) as { rows: { name: string; bytes: string }[] };
          writeFileSync(file(name), Buffer.from(rows.find((one) => one.name === row)?.bytes ?? "", "base64"));
        }
      }
      // what libtiff alone reads: CMYK in JPEG
      const jpeg = readFileSync(join(fixtures, "cmyk.tif"));
      const compression = jpeg.indexOf(Buffer.from([3, 1, 3, 0, 1, 0, 0, 0]));
      jpeg.writeUInt16LE(7, compression + 8);
      writeFileSync(file(CMYK_JPEG), jpeg);
      const { rows } = JSON.parse(readFileSync(golden("tiff-kinds.json"), "utf8")) as { rows: { name: string; bytes: string }[] };
      writeFileSync(
        join(stage().folder, FRACTIONS),
        Buffer.from(rows.find(({ name }) => name === "float32 lzw tiles big predictor")?.bytes ?? "", "base64"),
      );
      open = await stage().open();
      await settle(open.page, { "device-choice": "wasm", "precision-choice": "fp32", "threads-choice": "1" });
      await typeClasses(open.page, CLASSES);
    });
    afterAll(async () => {
      expect(open?.complaints).toEqual([]);
      expect(open?.external).toEqual([]);
      await open?.close();
    });

    it("is dropped as a folder, shown byte for byte and answered as the command line does; what cannot be read says what to do", async () => {
      const { page } = open;
      await page.setInputFiles("#folder-input", folder);
      await allAnswered(page, FILES.length + 1);
      expect(await page.$$(".tile.failed")).toHaveLength(1);
      const rows = await told(FILES.map(([name]) => file(name)));
      for (const [i, [name]] of FILES.entries()) {
        await page.click(`.tile:has(.file-name:text-is("${name}"))`);
        await shownAs(name);
        expect(await page.textContent(".bars .bar-name"), name).toBe(rows[i]?.predictions[0]?.class);
      }
      await picture(page, "tiff");
      await page.click(`.tile:has(.file-name:text-is("${CMYK_JPEG}"))`);
      await page.waitForSelector("#panel-result .notice.bad");
      expect(await page.textContent("#panel-result")).toMatch(/CMYK.*RGB.*unsupported_format/s);
    });

    it("of several pages is gone through page by page, and all are answered as the command line answers them", async () => {
      const { page } = open;
      await page.click('.tile:has(.file-name:text-is("g-pages.tif"))');
      await shownAs("g-pages.tif", 1);
      expect(await page.textContent(".slices label")).toBe("Page 2 of 3");
      await page.focus("#slice");
      await page.keyboard.press("ArrowRight");
      await shownAs("g-pages.tif", 2);
      await page.keyboard.press("Home");
      await shownAs("g-pages.tif", 0);
      expect(await page.textContent("#image-facts")).toMatch(/page 1 of 3/);
      await allAnswered(page, FILES.length + 1);
      await page.click("text=Answer all 3 pages");
      await page.waitForSelector("#together-mean");
      const rows = await told([file("g-pages.tif"), "--frame", "all"]);
      const [top] = rows.at(-1)?.predictions ?? [];
      expect(await page.textContent("#together-mean li")).toContain(top?.class);
      expect(await page.textContent("#together")).toContain("Mean of 3 of 3 pages");
    });

    it("of values that are no shades asks which become black and white, and is then shown and answered as with --range", async () => {
      const { page } = open;
      await page.click("#remove-all");
      const fractions = join(stage().folder, FRACTIONS);
      await page.setInputFiles("#file-input", fractions);
      await allAnswered(page, 1);
      await page.click(".tile");
      expect(await page.textContent("#panel-result .notice.bad")).toContain("under “Values shown”, as LOW..HIGH");
      await page.fill("#range-asked", "900..-900");
      await page.dispatchEvent("#range-asked", "change");
      expect(await page.textContent("#range-asked-error")).toMatch(/LOW\.\.HIGH/);
      await page.fill("#range-asked", "-900..800");
      await page.dispatchEvent("#range-asked", "change");
      const shown = async (low: number, high: number) => {
        const { data } = await sharpDecoder().decode(readFileSync(fractions), { range: { low, high } });
        await showsPixels(page, sha256(data));
      };
      await shown(-900, 800);
      await page.fill("#range-shown", "0..300");
      await page.dispatchEvent("#range-shown", "change");
      await shown(0, 300);
      await page.click("#undo");
      await shown(-900, 800);
      await allAnswered(page, 1);
      const rows = await told([fractions, "--range=-900..800"]);
      await page.waitForSelector(".bars .bar-name");
      expect(await page.textContent(".bars .bar-name")).toBe(rows[0]?.predictions[0]?.class);
    });
  });
}

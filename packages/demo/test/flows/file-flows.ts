// Files of other formats in the page as a person meets them: a folder of a bitmap, JPEG 2000, a volume in NRRD, a cine, masks and objects that
// are no picture. Each picture has the command line's bytes and its answer. Registers tests; page-files.test.ts runs them in its browser.

import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { sharpDecoder } from "@biovlm/imaging/node";
import { dicomElement, dicomFile, golden, madeCine } from "@biovlm/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { call } from "../../../cli/test/call.js";
import { allAnswered, closed, type OpenPage, picture, type Stage, settle, showsPixels, typeClasses } from "../page-under-test.js";

const fixtures = join(dirname(fileURLToPath(import.meta.url)), "../../../imaging/test/fixtures");
const CLASSES = ["chest X-ray", "head CT"];
/** Files that are answered. */
const PICTURES = ["a.bmp", "b.jp2", "c.nrrd", "cine.dcm", "grey16.png"];

export function fileFlows(stage: () => Stage): void {
  describe("files of other formats", () => {
    let open: OpenPage;
    let folder: string;
    beforeAll(async () => {
      folder = join(stage().folder, "formats");
      mkdirSync(folder, { recursive: true });
      copyFileSync(join(fixtures, "rgb.bmp"), join(folder, "a.bmp"));
      copyFileSync(join(fixtures, "rgb.bmp"), join(folder, "a_mask.bmp"));
      copyFileSync(join(fixtures, "grey.jp2"), join(folder, "b.jp2"));
      copyFileSync(join(fixtures, "grey16.png"), join(folder, "grey16.png"));
      const { rows } = JSON.parse(readFileSync(golden("volumes.json"), "utf8")) as { rows: { name: string; bytes: string }[] };
      const nrrd = rows.find(({ name }) => name === "nrrd float32 big left-posterior-superior")?.bytes ?? "";
      writeFileSync(join(folder, "c.nrrd"), Buffer.from(nrrd, "base64"));
      writeFileSync(join(folder, "cine.dcm"), madeCine([10, 90, 170, 250], 32));
      const report = dicomFile("1.2.840.10008.1.2.1", [dicomElement("00080060", "CS", "SR")]);
      const mark = dicomElement("00020002", "UI", "1.2.840.10008.5.1.4.1.1.88.33");
      // group 0002 with the class of a report
      writeFileSync(join(folder, "report.dcm"), Buffer.concat([report.subarray(0, 144), mark, report.subarray(144)]));
      open = await stage().open();
      await settle(open.page, { "device-choice": "wasm", "precision-choice": "fp32", "threads-choice": "1" });
      await typeClasses(open.page, CLASSES);
    });
    afterAll(() => closed(open));

    it("are dropped as a folder, shown byte for byte and answered as the command line does; the rest is counted", async () => {
      const { page } = open;
      await page.setInputFiles("#folder-input", folder);
      await page.waitForFunction(
        () => document.querySelector("#notice")?.textContent === "Left out: 1 × a structured report or key object selection, 1 mask.",
      );
      await allAnswered(page, PICTURES.length);
      expect(await page.$$(".tile.failed")).toHaveLength(0);
      const exact = ["--device", "wasm", "--precision", "fp32", "--threads", "1", "--json"];
      const asked = CLASSES.flatMap((name) => ["--class", name]);
      const { code, out, err } = await call(["classify", ...PICTURES.map((name) => join(folder, name)), ...asked, ...exact]);
      expect(code, err).toBe(0);
      const rows = JSON.parse(out) as { predictions: { class: string; probability: number }[] }[];
      for (const [i, name] of PICTURES.entries()) {
        await page.click(`.tile:has(.file-name:text-is("${name}"))`);
        const { data } = await sharpDecoder().decode(readFileSync(join(folder, name)));
        await showsPixels(page, createHash("sha256").update(data).digest("hex"));
        expect(await page.textContent(".bars .bar-name"), name).toBe(rows[i]?.predictions[0]?.class);
      }
      await picture(page, "formats");
    });
  });
}

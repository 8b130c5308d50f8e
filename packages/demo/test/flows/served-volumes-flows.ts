// Series, cines, volumes and pages in the page beside a real `biovlm serve` whose model answers them: the means of the command line, in the window
// and the plane that were chosen, from pictures alone. Registers tests; page-server.test.ts runs them in its browser.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { golden, madeCine, seeded } from "@biovlm/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { call } from "../../../cli/test/call.js";
import { slice } from "../../../cli/test/made-series.js";
import { type Served, serve } from "../../../cli/test/served.js";
import { probabilityText } from "../../src/page/elements.js";
import { closed, type OpenPage, ready, type Stage } from "../page-under-test.js";
import { builtPage } from "../served-page.js";
import { KEEP_SENT, type Sent } from "./server-flows.js";

const CLASSES = ["--class", "brain CT", "--class", "fundus"];
const SLICES = 5;

interface Row {
  readonly predictions: readonly { readonly class: string; readonly probability: number }[];
  readonly volume?: { readonly answered?: number };
}

export function servedVolumesFlows(stage: () => Stage): void {
  describe("this server's model", () => {
    let open: OpenPage;
    let served: Served;
    let folder: string;
    const file = (name: string) => join(folder, name);

    beforeAll(async () => {
      folder = join(stage().folder, "archive");
      mkdirSync(join(folder, "series"), { recursive: true });
      const { below } = seeded(5);
      for (let z = 0; z < SLICES; z++) {
        const pixels = Uint8Array.from({ length: 256 }, () => below(256));
        writeFileSync(join(folder, "series", `${(z * 3) % SLICES}.dcm`), slice({ series: 1, instance: 10 + z, z, pixels, patient: "Doe" }));
      }
      writeFileSync(file("cine.dcm"), madeCine([10, 90, 170, 240, 60], 32));
      const golds = (of: string, name?: string) => {
        const { rows } = JSON.parse(readFileSync(golden(of), "utf8")) as { rows: { name: string; bytes: string }[] };
        return Buffer.from((name === undefined ? rows[0] : rows.find((row) => row.name === name))?.bytes ?? "", "base64");
      };
      writeFileSync(file("v.nii"), golds("volumes.json", "nifti int16 little 0"));
      writeFileSync(file("w.nrrd"), golds("volumes.json", "nrrd float32 big left-posterior-superior"));
      writeFileSync(file("p.tif"), golds("tiff-pages.json"));
      builtPage.folder = stage().dist;
      // fewer images in a request, and fewer frames, than the files have
      served = await serve([...CLASSES, "--max-images", "2", "--max-frames", "1"], folder);
      open = await stage().open({ url: `${served.url}/` });
      const { page } = open;
      await page.addInitScript(KEEP_SENT);
      await page.reload();
      await ready(page);
      await page.waitForSelector("label:has(#class-kind-server):not([hidden])");
      await page.check("#class-kind-server");
      await page.waitForSelector("#server-bank option", { state: "attached" });
      await page.click("#apply-classes");
      await page.waitForFunction(() => /answered by/.test(document.querySelector("#bank-summary")?.textContent ?? ""));
    }, 120_000);
    afterAll(async () => {
      await closed(open);
      await served?.stop();
    });

    /** Of the command line, with the same model and device. */
    const meanOf = async (...words: string[]): Promise<string[]> => {
      const said = await call(["classify", ...words, "--volumes", ...CLASSES, "--device", "cpu", "--threads", "1", "--json"], {
        cwd: folder,
      });
      expect(said.code, said.err).toBe(0);
      const whole = (JSON.parse(said.out) as Row[]).find(({ volume }) => volume?.answered !== undefined);
      return (whole?.predictions ?? []).map(({ class: name, probability }) => `${name} ${probabilityText(probability)}`);
    };
    const means = async (): Promise<(string | null)[]> => {
      await open.page.waitForSelector("#together-mean");
      return open.page.$$eval("#together-mean li", (list) => list.map((one) => one.textContent));
    };

    it("answers a series slice by slice, and all by their mean, as classify --volumes", async () => {
      const { page } = open;
      await page.setInputFiles("#folder-input", join(folder, "series"));
      await page.waitForFunction((n) => document.querySelector("#together")?.textContent?.includes(`Mean of ${n} of ${n} slices`), SLICES);
      expect(await means()).toEqual(await meanOf("series"));
      await page.click("#remove-all");
    });

    it.each(["cine.dcm", "v.nii", "w.nrrd", "p.tif"])(
      "answers all of %s when that is asked for, in the plane and the window that are chosen",
      async (name) => {
        const { page } = open;
        await page.setInputFiles("#file-input", file(name));
        await page.click("#answer-all");
        expect(await means()).toEqual(await meanOf(name));
        expect(await page.textContent("#notice")).toBe("");
        if (name === "v.nii") {
          await page.selectOption("#plane-choice", "coronal");
          // a press holds while the picture of another window comes
          await page.hover("#answer-all");
          await page.mouse.down();
          await page.selectOption("#window-choice", "brain");
          await page.waitForFunction(() => document.querySelector<HTMLInputElement>("#window-width")?.value === "80");
          await page.mouse.up();
          expect(await means()).toEqual(await meanOf(name, "--plane", "coronal", "--window", "brain"));
          await page.selectOption("#plane-choice", "axial");
          await page.selectOption("#window-choice", { index: 0 });
        }
        await page.click("#remove-all");
      },
    );

    it("is sent pictures alone, as many at once as it takes: no header, no name", async () => {
      const sent = await open.page.evaluate(() => (globalThis as unknown as { kept: Sent[] }).kept);
      const forms = sent.filter(({ path }) => path === "/v1/classify").map(({ parts }) => parts);
      const images = forms.map((parts) => parts.filter(({ name }) => name === "image"));
      expect(Math.max(...images.map(({ length }) => length))).toBe(2);
      for (const { file: name, text } of images.flat()) expect([name, text.slice(1, 4)]).toEqual(["image", "PNG"]);
      for (const word of ["DICM", "Doe", "2.25.", "NRRD", "cine", "v.nii"]) expect(JSON.stringify(forms).includes(word), word).toBe(false);
    });
  });
}

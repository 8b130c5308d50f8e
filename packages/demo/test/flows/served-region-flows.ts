// A bank that was learned on the region of ultrasound, of a real `biovlm serve` and opened in the page itself: both crop as the command line does,
// refuse what names no region, and show everything whole again with other classes. Registers tests; page-server.test.ts runs them in its browser.

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sharpDecoder } from "@biovlm/imaging/node";
import { readBank, writeBank } from "@biovlm/model";
import { ultrasoundFrame } from "@biovlm/testkit";
import { tinyBank } from "@biovlm/testkit/tiny-bank";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { call } from "../../../cli/test/call.js";
import { type Served, serve } from "../../../cli/test/served.js";
import { allAnswered, closed, type OpenPage, ready, type Stage, settle, showsPixels, typeClasses } from "../page-under-test.js";
import { builtPage } from "../served-page.js";
import { KEEP_SENT, type Sent } from "./server-flows.js";

type Row = { readonly predictions?: readonly { readonly class: string; readonly probability: number }[] };

export function servedRegionFlows(stage: () => Stage): void {
  describe("a bank learned on the region of ultrasound", () => {
    const words = ["--bank", "region.safetensors", "--ultrasound-region"];
    let open: OpenPage;
    let served: Served;
    let folder: string;
    const file = (name: string) => join(folder, name);

    beforeAll(async () => {
      folder = join(stage().folder, "regions");
      mkdirSync(folder, { recursive: true });
      const bank = readBank(await tinyBank(["fundus", "ultrasound of the liver"]));
      writeFileSync(file("region.safetensors"), writeBank({ ...bank, options: { ...bank.options, ultrasoundRegion: true } }));
      writeFileSync(file("a.dcm"), ultrasoundFrame(96, 64, [9, 5, 50, 44]));
      writeFileSync(file("b.dcm"), ultrasoundFrame(96, 64));
      builtPage.folder = stage().dist;
      served = await serve(words, folder);
      open = await stage().open({ url: `${served.url}/` });
      await open.page.addInitScript(KEEP_SENT);
      await open.page.reload();
      await ready(open.page);
      await settle(open.page, { "device-choice": "wasm", "precision-choice": "fp32", "threads-choice": "1" });
    }, 120_000);
    afterAll(async () => {
      await closed(open);
      await served?.stop();
    });

    const tiles = () => open.page.$$eval(".tile .said", (list) => list.map((one) => one.textContent));
    const showsCropped = async (cropped: boolean) => {
      await open.page.click('.tile:has(.file-name:text-is("a.dcm"))');
      const { data } = await sharpDecoder().decode(readFileSync(file("a.dcm")), { ultrasoundRegion: cropped });
      await showsPixels(open.page, createHash("sha256").update(data).digest("hex"));
    };
    const shares = async () => {
      const [download] = await Promise.all([
        open.page.waitForEvent("download"),
        open.page.click("#tab-answers").then(() => open.page.click("#answers-json")),
      ]);
      const { images } = JSON.parse(readFileSync(await download.path(), "utf8")) as { images: Row[] };
      await open.page.click("#tab-result");
      return images[0]?.predictions;
    };
    const classified = async (device: string): Promise<Row["predictions"]> => {
      const said = await call(["classify", file("a.dcm"), ...words, "--device", device, "--threads", "1", "--json"], { cwd: folder });
      expect(said.code, said.err).toBe(0);
      return (JSON.parse(said.out) as Row[])[0]?.predictions;
    };

    it("is asked at its server about the region alone, and everything is whole again with other classes", async () => {
      const { page } = open;
      await page.setInputFiles("#file-input", [file("a.dcm"), file("b.dcm")]);
      await typeClasses(page, ["brain CT", "fundus"]);
      await allAnswered(page, 2);
      await showsCropped(false);
      await page.check("#class-kind-server");
      await page.waitForSelector("#server-bank option", { state: "attached" });
      await page.click("#apply-classes");
      await page.waitForFunction(() => /answered by/.test(document.querySelector("#bank-summary")?.textContent ?? ""));
      await allAnswered(page, 2);
      expect(await tiles()).toEqual([expect.stringMatching(/fundus|liver/), "cannot be read"]);
      expect(await page.textContent("#notice")).toContain("learned on ultrasound cropped to its region");
      expect(await shares()).toEqual(await classified("cpu"));
      await showsCropped(true);
      const sent = (await page.evaluate(() => (globalThis as unknown as { kept: Sent[] }).kept)).filter(
        ({ path }) => path === "/v1/classify",
      );
      const images = sent.flatMap(({ parts }) => parts.filter(({ name }) => name === "image"));
      expect(images.map(({ text }) => text.slice(1, 4))).toEqual(["PNG"]);
      await typeClasses(page, ["brain CT", "fundus", "ultrasound"]);
      await allAnswered(page, 2);
      expect(await page.$$(".tile.failed")).toHaveLength(0);
      await showsCropped(false);
    });

    it("opened in the page is asked about the region alone, as on the command line", async () => {
      const { page } = open;
      await page.check("#class-kind-bank");
      await page.setInputFiles("#bank-input", file("region.safetensors"));
      await page.waitForFunction(() => document.querySelector("#bank-name")?.textContent?.includes("region"));
      await page.click("#apply-classes");
      await page.waitForFunction(() => /^2 classes/.test(document.querySelector("#bank-summary")?.textContent ?? ""));
      await allAnswered(page, 2);
      expect((await tiles())[1]).toBe("cannot be read");
      await showsCropped(true);
      // of two runtimes' WebAssembly, whose last bits may differ
      const [shown, said] = [await shares(), await classified("wasm")];
      expect(shown?.map(({ class: name }) => name)).toEqual(said?.map(({ class: name }) => name));
      for (const [i, { probability }] of (said ?? []).entries()) expect(shown?.[i]?.probability).toBeCloseTo(probability, 6);
    });
  });
}

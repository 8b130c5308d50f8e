// All answers as a person meets them: folders or labels against answers, cells that choose what the gallery shows, the wrong ones, files to take
// along. Registers tests; page-answers.test.ts runs them in its browser.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import axe from "axe-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { allAnswered, closed, type OpenPage, picture, type Stage, typeClasses } from "../page-under-test.js";

export function answerFlows(stage: () => Stage): void {
  describe("all answers", () => {
    let open: OpenPage;
    beforeAll(async () => {
      open = await stage().open();
      await open.page.setInputFiles("#folder-input", stage().scans);
      await typeClasses(open.page, ["Chest X ray", "fundus"]);
      await allAnswered(open.page, 8);
      await open.page.click("#tab-answers");
    });
    afterAll(() => closed(open));
    const shown = () => open.page.$$eval(".tile:not([hidden]) .file-name", (list) => list.map((n) => n.textContent));
    const counts = () =>
      open.page.$$eval("#answer-matrix tbody tr", (rows) =>
        rows.map((row) => [...row.querySelectorAll("th, .cell")].map((cell) => cell.textContent ?? "")),
      );
    /** [image, answer] as the tiles say it */
    const said = () =>
      open.page.$$eval(".tile", (tiles) =>
        tiles.map((t) => [t.querySelector(".folder-name")?.textContent ?? "", t.querySelector(".said")?.textContent?.split(",")[0] ?? ""]),
      );

    it("are counted by folder, and a count shows its images and no others until all are asked for", async () => {
      const { page } = open;
      const answers = await said();
      const wanted = ["chest-xray", "fundus"].map((folder) => [
        folder,
        ...["Chest X ray", "fundus"].map((name) => String(answers.filter(([f, a]) => f === folder && a === name).length)),
      ]);
      // "chest-xray" is not "Chest X ray": what is not a class says nothing of right and wrong
      expect([...(await counts())].sort()).toEqual(wanted.sort());
      expect(await page.textContent("#answer-matrix")).toContain("not a class");
      const cell = page.locator('#answer-matrix tbody tr:has(th:has-text("fundus")) button').first();
      const count = Number(await cell.textContent());
      await cell.click();
      expect(await shown()).toHaveLength(count);
      expect((await shown()).every((name) => name?.startsWith("fundus"))).toBe(true);
      expect(await page.textContent("#filter-text")).toMatch(new RegExp(`^${count} of 8 shown: fundus answered`));
      expect(await page.textContent('.tile[aria-selected="true"] .file-name')).toBe("fundus-1.png");
      await page.click("#show-all");
      expect(await shown()).toHaveLength(8);
    });

    it("that are wrong stand alone, by labels; keys move among them, and a label that is mended takes its image away", async () => {
      const { page } = open;
      await typeClasses(page, ["chest-xray", "fundus"]);
      await allAnswered(page, 8);
      const answers = (await said()).map(([, answer]) => answer);
      await page.click("#tab-learn");
      await page.focus("#gallery");
      await page.keyboard.press("Home");
      // the first three labelled with what was not answered, the fourth with what was
      for (let i = 0; i < 4; i++) await page.keyboard.press((answers[i] === "fundus") === i < 3 ? "1" : "2");
      await page.click("#tab-answers");
      await page.selectOption("#answer-groups", "label");
      await page.waitForFunction(() => /^1 of 4 images/.test(document.querySelector("#answers-summary")?.textContent ?? ""));
      await page.click("#show-wrong");
      const first = ["chest-xray-1.png", "chest-xray-2.png", "chest-xray-3.png"];
      expect(await shown()).toEqual(first);
      expect(await page.textContent("#filter-text")).toBe("3 of 8 shown: wrong answers");
      await page.evaluate(() => scrollTo(0, 0));
      await picture(page, "answers");
      await page.focus("#gallery");
      await page.keyboard.press("End");
      expect(await page.textContent('.tile[aria-selected="true"] .file-name')).toBe(first[2]);
      await page.click("#tab-learn");
      await page.focus("#gallery");
      await page.keyboard.press("Home");
      await page.keyboard.press(answers[0] === "fundus" ? "2" : "1");
      expect(await shown()).toEqual(first.slice(1));
      expect(await page.textContent('.tile[aria-selected="true"] .file-name')).toBe(first[1]);
      await page.click("#tab-answers");
      await page.click("#show-wrong");
      expect(await shown()).toHaveLength(8);
    });

    const saved = async (id: string) => {
      const [download] = await Promise.all([open.page.waitForEvent("download"), open.page.click(`#${id}`)]);
      const path = join(stage().folder, download.suggestedFilename());
      await download.saveAs(path);
      return path;
    };

    it("stand one by one, the least sure first when that is asked for; a name shows its image", async () => {
      const { page } = open;
      const sort = async (by: string) => page.click(`#answer-table button[data-by="${by}"]`);
      const column = (n: number) => page.$$eval(`#answer-table tbody tr > :nth-child(${n})`, (cells) => cells.map((c) => c.textContent));
      // the table is drawn a moment after the last answer
      await expect.poll(async () => (await column(1)).join(), { timeout: 20_000 }).toBe((await shown()).join());
      await sort("probability");
      expect(await page.getAttribute("#answer-table th:nth-child(4)", "aria-sort")).toBe("ascending");
      const shares = (await column(4)).map((share) => Number.parseFloat(share?.replace(/[<>]/, "") ?? ""));
      expect(shares).toHaveLength(8);
      expect(shares).toEqual([...shares].sort((a, b) => a - b));
      await sort("probability");
      expect(await page.getAttribute("#answer-table th:nth-child(4)", "aria-sort")).toBe("descending");
      expect((await column(4)).map((share) => Number.parseFloat(share?.replace(/[<>]/, "") ?? ""))).toEqual(shares.toReversed());
      await sort("image");
      await page.click('#answer-table button:has-text("fundus-3.png")');
      expect(await page.isVisible("#panel-result")).toBe(true);
      expect(await page.textContent("#panel-result h2")).toBe("fundus-3.png");
      await page.click("#tab-answers");
    });

    it("go along as a report that opens by itself, with pictures where asked, and asks for nothing", async () => {
      const { page } = open;
      expect(readFileSync(await saved("answers-report"), "utf8")).not.toContain("<img");
      await page.check("#report-pictures");
      const path = await saved("answers-report");
      const reader = await stage().browser.newPage();
      try {
        const asked: string[] = [];
        reader.on("request", (request) => asked.push(request.url()));
        reader.on("console", (message) => asked.push(message.text()));
        await reader.goto(`file://${path}`);
        expect(asked.filter((url) => !url.startsWith("data:"))).toEqual([`file://${path}`]);
        expect(await reader.textContent(".research")).toBe("Research use only, not a medical device");
        const widths = await reader.$$eval("img", (list) => list.map((one) => one.naturalWidth));
        expect(widths).toHaveLength(8);
        for (const width of widths) expect(width).toBeGreaterThan(0);
        expect(await reader.$$eval("body", ([body]) => body?.textContent?.match(/sha256:[0-9a-f]{64}/g)?.length)).toBe(10);
        await reader.evaluate(axe.source);
        const { violations } = await reader.evaluate(async () => (globalThis as unknown as { axe: typeof axe }).axe.run());
        expect(violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([]);
      } finally {
        await reader.close();
      }
    });

    it("go along as CSV and JSON with the digests of content, model and bank", async () => {
      const text = async (id: string) => readFileSync(await saved(id), "utf8");
      const sha256 = createHash("sha256")
        .update(readFileSync(join(stage().scans, "chest-xray", "chest-xray-1.png")))
        .digest("hex");
      const json = JSON.parse(await text("answers-json")) as {
        readonly note: string;
        readonly model: { readonly digest: string };
        readonly bank: { readonly digest: string };
        readonly images: readonly { readonly file: string; readonly sha256: string; readonly predictions: { probability: number }[] }[];
      };
      expect(json.note).toBe("Research use only, not a medical device");
      expect(json.images.map(({ file }) => file)).toContain("scans/fundus/fundus-4.png");
      expect(json.images[0]).toMatchObject({ file: "scans/chest-xray/chest-xray-1.png", sha256 });
      for (const { predictions } of json.images) expect(predictions.reduce((sum, p) => sum + p.probability, 0)).toBeCloseTo(1, 4);
      for (const { digest } of [json.model, json.bank]) expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
      const [head, row, ...rest] = (await text("answers-csv")).trim().split("\r\n");
      expect(head).toBe("file,sha256,frame,window,range,plane,series,slice,label,answer,p(chest-xray),p(fundus),error,model,bank,note");
      expect(row?.split(",").slice(0, 2)).toEqual(["scans/chest-xray/chest-xray-1.png", sha256]);
      expect(row).toContain(`,${json.model.digest},${json.bank.digest},"Research use only, not a medical device"`);
      expect(rest).toHaveLength(7);
    });
  });
}

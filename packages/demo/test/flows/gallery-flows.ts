// The list of images as a person meets it: order, folders, files that come twice, one that goes, and the strip of a phone. Registers tests;
// page-files.test.ts runs them in its browser.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { allAnswered, closed, dropFiles, type OpenPage, picture, type Stage, typeClasses } from "../page-under-test.js";

const CLASSES = ["chest radiograph", "retinal fundus photograph"];

export function galleryFlows(stage: () => Stage): void {
  describe("the images", () => {
    let open: OpenPage;
    beforeAll(async () => {
      open = await stage().open();
      await typeClasses(open.page, CLASSES);
    });
    afterAll(() => closed(open));
    const names = () => open.page.$$eval(".tile .file-name", (list) => list.map((n) => n.textContent));
    const chosen = () => open.page.textContent('.tile[aria-selected="true"] .file-name');

    it("stand in natural order, whatever order they came in", async () => {
      const bytes = [...readFileSync(join(stage().scans, "fundus", "fundus-1.png"))];
      await dropFiles(
        open.page,
        [10, 9, 1].map((n) => ({ name: `scan-${n}.png`, bytes })),
      );
      await dropFiles(open.page, [{ name: "scan-2.png", bytes }]);
      await allAnswered(open.page, 4);
      expect(await names()).toEqual(["scan-1.png", "scan-2.png", "scan-9.png", "scan-10.png"]);
      await open.page.click("#remove-all");
      expect(await open.page.isVisible("#gallery")).toBe(false);
    });

    it("show the folder they lay in, and come once however often a folder is chosen", async () => {
      const { page } = open;
      for (let i = 0; i < 2; i++) await page.setInputFiles("#folder-input", stage().scans);
      await allAnswered(page, 8);
      expect(await page.textContent("#notice")).toBe("8 of these were there already: each image is shown once.");
      const folders = await page.$$eval(".tile .folder-name", (list) => list.map((n) => n.textContent));
      expect(folders).toEqual([...new Array(4).fill("chest-xray"), ...new Array(4).fill("fundus")]);
      await picture(page, "folders");
      await page.setInputFiles("#file-input", join(stage().scans, "fundus", "fundus-2.png"));
      expect(await page.textContent("#notice")).toBe("1 of these was there already: each image is shown once.");
      expect(await page.textContent("#announcer")).toBe("0 images added");
      expect(await page.$$(".tile")).toHaveLength(8);
    });

    it("go one by one, by the Delete key or the button, and the next one is chosen", async () => {
      const { page } = open;
      await page.focus("#gallery");
      await page.keyboard.press("Home");
      await page.keyboard.press("Delete");
      expect(await page.textContent("#announcer")).toBe("chest-xray-1.png removed");
      expect([await chosen(), (await names()).length]).toEqual(["chest-xray-2.png", 7]);
      await page.keyboard.press("End");
      await page.click("#remove-one");
      expect([await chosen(), (await names()).length]).toEqual(["fundus-3.png", 6]);
      expect(await page.textContent("#image-count")).toBe("6 images");
      expect(await page.textContent("#panel-result h2")).toBe("fundus-3.png");
      for (let i = 0; i < 6; i++) await page.click("#remove-one");
      expect(await page.isVisible("#gallery")).toBe(false);
      expect(await page.isDisabled("#remove-one")).toBe(true);
      expect(await page.textContent("#panel-result h2")).toBe("How this works");
    });

    it("say what a folder without images holds, and take one in next", async () => {
      const { page } = open;
      await dropFiles(page, []);
      expect(await page.textContent("#notice")).toMatch(
        /^No images there: PNG, JPEG, WebP, TIFF, BMP, GIF, PNM, JPEG 2000, DICOM, NIfTI and NRRD/,
      );
      await page.setInputFiles("#file-input", join(stage().scans, "fundus", "fundus-1.png"));
      await allAnswered(page, 1);
      expect(await page.isVisible("#notice")).toBe(false);
    });
  });

  describe("the images on a phone", () => {
    it("are a strip in sight beside the answer, and a tap brings its answer onto the screen", async () => {
      const own = await stage().open({ width: 360, height: 740 });
      const { page } = own;
      try {
        await page.setInputFiles("#folder-input", stage().scans);
        await typeClasses(page, CLASSES);
        await allAnswered(page, 8);
        const box = (selector: string) => page.$eval(selector, (node) => node.getBoundingClientRect().toJSON() as DOMRect);
        expect((await box("#gallery")).height).toBeLessThan(170);
        await page.evaluate(() => scrollTo(0, 0));
        await page.click('.tile:has-text("chest-xray-2.png")');
        const answer = await box("#panel-result h2");
        const strip = await box("#gallery");
        expect(answer.top).toBeGreaterThanOrEqual(strip.bottom);
        expect(answer.bottom).toBeLessThan(400);
        expect(strip.top).toBe(0);
        expect(await page.textContent("#panel-result h2")).toBe("chest-xray-2.png");
        await picture(page, "phone-strip");
        await page.click('.tile:has-text("chest-xray-3.png")');
        expect((await box("#panel-result h2")).top).toBe(answer.top);
        await page.focus("#gallery");
        await page.keyboard.press("ArrowDown");
        expect(await page.textContent("#panel-result h2")).toBe("chest-xray-4.png");
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
      } finally {
        await own.close();
      }
    });
  });
}

// The saved project as a person meets it: labels, names and settings outlive every change of device, every choice of classes, a reload and a
// crash of the tab; steps are taken back; labels go out and come in as CSV. Registers tests; page-answers.test.ts runs them in its browser.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cases } from "@biovlm/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { allAnswered, closed, dropFiles, type OpenPage, picture, ready, type Stage, settle, typeClasses } from "../page-under-test.js";

const CLASSES = ["chest radiograph", "retinal fundus photograph"];

export function projectFlows(stage: () => Stage): void {
  describe("the saved project", () => {
    let open: OpenPage;
    beforeAll(async () => {
      open = await stage().open();
      await open.page.setInputFiles("#folder-input", stage().scans);
      await typeClasses(open.page, CLASSES);
      await open.page.click("#tab-learn");
    });
    afterAll(() => closed(open));

    type Page = OpenPage["page"];
    const marks = (page: Page) =>
      page.$$eval(".tile", (tiles) => tiles.map((t) => t.querySelector(".label-mark:not([hidden])")?.textContent ?? ""));
    const marksAre = (page: Page, wanted: readonly string[]) =>
      page.waitForFunction((list) => {
        const found = [...document.querySelectorAll(".tile")].map((t) => t.querySelector(".label-mark:not([hidden])")?.textContent ?? "");
        return JSON.stringify(found) === list;
      }, JSON.stringify(wanted));
    const none = (count: number) => new Array<string>(count).fill("");

    it("keeps labels over another device, another precision, a known data set, a renamed class and a reload", async () => {
      const { page } = open;
      await page.focus("#gallery");
      await page.keyboard.press("Home");
      for (const key of ["1", "2", "1"]) await page.keyboard.press(key);
      const said = [`labelled ${CLASSES[0]}`, `labelled ${CLASSES[1]}`, `labelled ${CLASSES[0]}`, ...none(5)];
      expect(await marks(page)).toEqual(said);
      await settle(page, { "threads-choice": "1" });
      await marksAre(page, said);
      await settle(page, { "precision-choice": "fp32" });
      await marksAre(page, said);
      await page.check('input[value="dataset"]');
      await page.selectOption("#dataset", "busi");
      await page.click("#apply-classes");
      await marksAre(page, none(8));
      expect(await page.textContent("#notice")).toMatch(/^3 labels are of classes that are not among these: kept/);
      expect(await page.textContent(".counts")).toContain("chest radiograph: 2 labelled, not among the classes now");
      await typeClasses(page, CLASSES);
      await marksAre(page, said);
      await typeClasses(page, ["lungs", CLASSES[1] ?? ""]);
      const renamed = ["labelled lungs", said[1] ?? "", "labelled lungs", ...none(5)];
      await marksAre(page, renamed);
      await page.waitForFunction(() => document.querySelector("#labels-kept")?.textContent === "3 labels kept in this browser");
      await page.fill("#learn-epochs", "7");
      await picture(page, "project");
      await page.reload();
      await ready(page);
      await page.setInputFiles("#folder-input", stage().scans);
      await marksAre(page, renamed);
      expect(await page.inputValue("#class-names")).toBe(`lungs\n${CLASSES[1]}`);
      expect([
        await page.inputValue("#learn-epochs"),
        await page.inputValue("#precision-choice"),
        await page.inputValue("#threads-choice"),
      ]).toEqual(["7", "fp32", "1"]);
      await allAnswered(page, 8);
    });

    it("takes back and does again by buttons and by keys: labels, names and removals", async () => {
      const { page } = open;
      const before = await marks(page);
      await page.click("#tab-learn");
      await page.focus("#gallery");
      await page.keyboard.press("Home");
      await page.keyboard.press("0");
      const without = ["", ...before.slice(1)];
      await marksAre(page, without);
      await page.keyboard.press("Control+z");
      await marksAre(page, before);
      expect(await page.textContent("#announcer")).toBe("taken back: the label of chest-xray-1.png");
      await page.click("#redo");
      await marksAre(page, without);
      await page.click("#remove-all");
      await page.click("#undo");
      await marksAre(page, without);
      await page.click("#undo");
      await typeClasses(page, ["thorax", CLASSES[1] ?? ""]);
      await marksAre(page, ["labelled thorax", before[1] ?? "", "labelled thorax", ...none(5)]);
      await page.focus("#gallery");
      await page.keyboard.press("Control+z");
      await marksAre(page, before);
      expect(await page.inputValue("#class-names")).toBe(`lungs\n${CLASSES[1]}`);
    });

    it("asks whether names that are all new are those of the same classes, and before what is kept is cleared", async () => {
      const { page } = open;
      await page.fill("#class-names", "heart\neye");
      await page.click("#apply-classes");
      await page.waitForSelector("#question[open]");
      await picture(page, "question");
      expect(await page.textContent("#question-text")).toBe(
        `3 images have labels of the classes before (lungs, ${CLASSES[1]}). Are these new names of the same classes?`,
      );
      await page.click("#question-yes");
      await marksAre(page, ["labelled heart", "labelled eye", "labelled heart", ...none(5)]);
      await page.click("#clear-kept");
      await page.waitForSelector("#question[open]");
      expect(await page.textContent("#question-text")).toMatch(/^Labels of 3 images, class names and settings are kept/);
      await page.keyboard.press("Escape");
      expect(await page.isVisible("#question")).toBe(false);
      expect(await page.textContent("#kept-text")).not.toBe("kept here: nothing");
    });

    it("gives labels as a CSV list, and takes it back into an empty browser, images renamed", async () => {
      const { page } = open;
      const [download] = await Promise.all([page.waitForEvent("download"), page.click("#save-labels")]);
      const list = join(stage().folder, "labels.csv");
      await download.saveAs(list);
      const text = readFileSync(list, "utf8");
      expect(text).toMatch(/^file,label,sha256\r\nscans\/chest-xray\/chest-xray-1\.png,heart,[0-9a-f]{64}\r\n/);
      const other = await stage().open();
      try {
        await dropFiles(other.page, [
          { name: "other name.png", bytes: [...readFileSync(join(stage().scans, "chest-xray", "chest-xray-2.png"))] },
        ]);
        await other.page.click("#tab-learn");
        await other.page.setInputFiles("#labels-input", list);
        await other.page.waitForFunction(() =>
          /^1 image labelled from the list\. 2 of its 3 rows/.test(document.querySelector("#notice")?.textContent ?? ""),
        );
        await marksAre(other.page, ["labelled eye"]);
        expect(await other.page.inputValue("#class-names")).toBe("heart\neye");
        // rows without an image wait for it
        await other.page.setInputFiles("#file-input", join(stage().scans, "chest-xray", "chest-xray-1.png"));
        await marksAre(other.page, ["labelled heart", "labelled eye"]);
        writeFileSync(list, "size\n3\n");
        await other.page.setInputFiles("#labels-input", list);
        await other.page.waitForFunction(() =>
          /expected columns “file” and “label”, got size/.test(document.querySelector("#notice")?.textContent ?? ""),
        );
        expect(other.complaints).toEqual([]);
      } finally {
        await other.close();
      }
    });

    it("loses no label to a crash of the tab right after it was given", async () => {
      const context = open.page.context();
      let { page } = open;
      let lost = 0;
      const tries = cases(100, 25);
      for (let i = 0; i < tries; i++) {
        await page.click("#tab-learn");
        await page.focus("#gallery");
        await page.keyboard.press("Home");
        for (let step = 0; step < i % 7; step++) await page.keyboard.press("ArrowRight");
        const before = await marks(page);
        const key = before[i % 7] === "labelled heart" ? "2" : "1";
        await page.keyboard.press(key);
        const wanted = await marks(page);
        expect(wanted[i % 7]).toBe(key === "1" ? "labelled heart" : "labelled eye");
        await crash(page);
        page = await context.newPage();
        page.setDefaultTimeout(30_000);
        await page.goto(stage().url);
        await ready(page);
        await page.waitForFunction(() => document.querySelector("#bank-summary")?.textContent?.startsWith("2 classes"));
        await page.setInputFiles("#folder-input", stage().scans);
        await page.waitForFunction(() => /kept in this browser$/.test(document.querySelector("#labels-kept")?.textContent ?? ""));
        await marksAre(page, wanted).catch(() => lost++);
      }
      console.log(`page: ${lost} of ${tries} labels lost to a crash of the tab`);
      expect(lost).toBe(0);
    }, 900_000);
  });
}

async function crash(page: OpenPage["page"]): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const crashed = page.waitForEvent("crash");
  // a tab that is gone does not answer
  session.send("Page.crash").catch(() => undefined);
  await crashed;
}

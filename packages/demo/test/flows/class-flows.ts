// "What may they show?" as a person meets it: a bank that was learned is the panel's bank, names in whatever way they are typed, and what is
// wrong said beside the field. Registers tests; page-answers.test.ts runs them in its browser.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { wilsonInterval } from "@biovlm/evaluation";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { percent } from "../../src/page/elements.js";
import { allAnswered, closed, type OpenPage, picture, ready, type Stage, settle, typeClasses } from "../page-under-test.js";

const CLASSES = ["chest radiograph", "retinal fundus photograph"];

export function classFlows(stage: () => Stage): void {
  describe("the classes", () => {
    let open: OpenPage;
    beforeAll(async () => {
      open = await stage().open();
      await open.page.setInputFiles("#folder-input", stage().scans);
    });
    afterAll(() => closed(open));

    const summary = (text: RegExp) =>
      open.page.waitForFunction(
        (source) => new RegExp(source).test(document.querySelector("#bank-summary")?.textContent ?? ""),
        text.source,
      );

    it("are not needed to see the images: thumbnails and the picture stand there at once", async () => {
      const { page } = open;
      await page.waitForFunction(() => {
        const sides = [...document.querySelectorAll<HTMLCanvasElement>(".tile canvas")].map((canvas) => canvas.width);
        return sides.length === 8 && sides.every((side) => side > 1);
      });
      expect(await page.isVisible("#panel-result .picture")).toBe(true);
      expect(await page.textContent(".result-text")).toMatch(/^Name what the images may show/);
      await picture(page, "before-classes");
    });

    it("are missing beside the field, tied to it, until they are typed", async () => {
      const { page } = open;
      await page.click("#apply-classes");
      expect(await page.textContent("#class-names-error")).toMatch(/^Type at least two class names/);
      expect(await page.getAttribute("#class-names", "aria-describedby")).toBe("class-names-error");
      expect(await page.getAttribute("#class-names", "aria-invalid")).toBe("true");
      expect(await page.isVisible("#notice")).toBe(false);
      await page.fill("#class-names", "Benign\nmalignant\nBENIGN");
      await page.click("#apply-classes");
      expect(await page.textContent("#class-names-error")).toBe("“Benign” and “BENIGN” read as one name. Keep one of them.");
      await picture(page, "field-error");
      await typeClasses(page, CLASSES);
      expect(await page.isVisible("#class-names-error")).toBe(false);
      expect(await page.getAttribute("#class-names", "aria-invalid")).toBe("false");
      expect(await page.getAttribute("#class-names", "aria-describedby")).toBeNull();
    });

    it("may be typed on one line with commas, and by Ctrl and Enter", async () => {
      const { page } = open;
      await page.fill("#class-names", "brain MRI, chest radiograph, retinal fundus photograph");
      await page.press("#class-names", "Control+Enter");
      await summary(/^3 classes/);
      await allAnswered(page, 8);
      const names = await page.$$eval(".bars .bar-name", (list) => list.map((n) => n.textContent));
      expect(await page.textContent(".by-model")).toBe("Answered by tiny: small and weak, comes with the page.");
      expect(names.sort()).toEqual(["brain MRI", "chest radiograph", "retinal fundus photograph"]);
    });

    it("of a bank wait for a file, which is said beside its button", async () => {
      const { page } = open;
      await page.check("#class-kind-bank");
      await page.click("#apply-classes");
      expect(await page.textContent("#pick-bank-error")).toBe("Choose a bank file first.");
      expect(await page.getAttribute("#pick-bank", "aria-describedby")).toBe("pick-bank-error");
    });

    it("begin no learning while a number is wrong: it is said beside the number, and the cursor stands there", async () => {
      const { page } = open;
      await page.click("#tab-learn");
      await page.click("text=Take folders as labels");
      await page.waitForFunction(() => !document.querySelector<HTMLButtonElement>("#learn-start")?.disabled);
      await page.fill("#learn-epochs", "0");
      await page.fill("#learn-prompts", "");
      await page.fill("#learn-shots", "2.5");
      await page.click("#learn-start");
      expect(await page.textContent("#learn-epochs-error")).toBe("A whole number from 1 to 500.");
      expect(await page.textContent("#learn-prompts-error")).toBe("A whole number from 1 to 64.");
      expect(await page.textContent("#learn-shots-error")).toBe("A whole number from 1 to 100000, or nothing for all.");
      expect(await page.evaluate(() => document.activeElement?.id)).toBe("learn-epochs");
      expect(await page.isVisible("#learn-stop")).toBe(false);
      await picture(page, "number-errors");
      await page.fill("#learn-epochs", "2");
      await page.fill("#learn-prompts", "2");
      await page.fill("#learn-shots", "3");
      await page.focus("#learn-start");
      expect(await page.$$eval("#panel-learn .field-error:not([hidden])", (list) => list.length)).toBe(0);
    });

    it("of a bank that was learned are the panel's from then on: used again by its button, after other classes, on another device", async () => {
      const { page } = open;
      await page.click("#learn-start");
      await page.waitForSelector("#use-bank");
      expect(await page.textContent("#learn-outcome")).toMatch(/On 2 images not learned from: balanced accuracy/);
      const rows = (id: string) =>
        page.$$eval(`#${id} tr`, (list) => list.map((row) => [...row.children].map((cell) => cell.textContent ?? "")));
      const figures = await rows("learn-figures");
      expect(figures.map(([name]) => name)).toEqual([
        "",
        "always the commonest class",
        "untrained sentences",
        "image-side expert alone",
        "learned bank",
      ]);
      for (const [, ...cells] of figures.slice(1)) for (const share of cells.slice(0, 2)) expect(share).toMatch(/^\d+\s%$/);
      const [head, ...body] = await rows("learn-report");
      expect(head).toEqual(["is ↓ answered →", "chest-xray", "fundus", "recall"]);
      const counts = body.map(([, ...cells]) => cells.slice(0, 2).map(Number));
      // one image of each class was left out
      expect(counts.map((row) => row.reduce((sum, one) => sum + one, 0))).toEqual([1, 1]);
      expect(body.map((row) => row.at(-1))).toEqual(counts.map((row, c) => (row[c] === 1 ? "100\u00a0%" : "0\u00a0%")));
      expect(figures.at(-1)?.[2]).toBe(`${50 * counts.reduce((sum, row, c) => sum + (row[c] ?? 0), 0)}\u00a0%`);
      const { low, high } = wilsonInterval(
        counts.reduce((sum, row, c) => sum + (row[c] ?? 0), 0),
        2,
      );
      expect(figures.at(-1)?.[3]).toBe(`${percent(low)} to ${percent(high)}`);
      expect(figures[1]?.[3]).toBe("–");
      await page.$eval("#learn-outcome", (node) => node.scrollIntoView({ block: "end" }));
      await picture(page, "learned-figures");
      // the panel's bank at once, before any button
      expect(await page.textContent("#bank-name")).toBe("learned here");
      await page.click("#use-bank");
      await summary(/^2 classes, 2 prompts \(mixture, changed\)/);
      expect(await page.getAttribute("#tab-result", "aria-selected")).toBe("true");
      expect(await page.isChecked("#class-kind-bank")).toBe(true);
      expect(await page.textContent("#bank-name")).toBe("learned here");
      expect(await page.isVisible("#pick-bank-error")).toBe(false);
      await allAnswered(page, 8);
      await picture(page, "learned-bank-used");
      await typeClasses(page, CLASSES);
      await page.check("#class-kind-bank");
      await page.click("#apply-classes");
      await summary(/mixture, changed/);
      expect(await page.$$eval(".field-error:not([hidden])", (list) => list.length)).toBe(0);
      expect(await page.isVisible("#notice")).toBe(false);
      await settle(page, { "threads-choice": "1" });
      await summary(/mixture, changed/);
      await allAnswered(page, 8);
    });

    it("of a bank that learned no difference are headed in red, and “Use” is not the main button", async () => {
      const own = await stage().open({ workerPrologue: COLLAPSED });
      try {
        await own.page.setInputFiles("#folder-input", stage().scans);
        await own.page.click("#tab-learn");
        await own.page.click("text=Take folders as labels");
        await own.page.waitForFunction(() => !document.querySelector<HTMLButtonElement>("#learn-start")?.disabled);
        for (const [id, value] of Object.entries({ epochs: "1", prompts: "2", shots: "2" })) await own.page.fill(`#learn-${id}`, value);
        await own.page.click("#learn-start");
        await own.page.waitForSelector("#use-bank");
        expect(await own.page.textContent("#learn-outcome h3")).toBe("The bank has learned no difference");
        expect(await own.page.getAttribute("#use-bank", "class")).toBe("second");
        const colours = await own.page.$$eval("#learn-outcome h3, #learn-outcome .field-error", (list) =>
          list.map((n) => getComputedStyle(n).color),
        );
        expect(new Set(colours).size).toBe(1);
        await own.page.$eval("#learn-outcome", (node) => node.scrollIntoView({ block: "end" }));
        await picture(own.page, "collapsed");
      } finally {
        await own.close();
      }
    });

    it("of a data set keep their sentences in learning: folders are said to be its classes, phrases are shown and written anew", async () => {
      const { page } = open;
      await page.check('input[value="dataset"]');
      await page.selectOption("#dataset", "busi");
      await page.click("#apply-classes");
      await summary(/^3 classes, .*attributes/);
      const answer = async () => {
        await allAnswered(page, 8);
        return page.textContent(".bars");
      };
      const before = await answer();
      await page.click("#sentences summary");
      expect(await page.textContent("#sentence-template")).toContain("{attribute}");
      const first = (await page.inputValue("#sentence-0")).split("\n");
      await page.fill("#sentence-0", "only one phrase");
      await page.click("#apply-classes");
      expect(await page.textContent("#sentences-error")).toMatch(
        /^As many phrases for each class, at least one: now benign tumor 1, malignant tumor 10/,
      );
      await page.fill("#sentence-0", first.map((_, i) => `ribs and lungs ${i}`).join("\n"));
      await page.click("#apply-classes");
      await page.waitForFunction(() => document.querySelector<HTMLElement>("#sentences-error")?.hidden === true);
      await page.waitForFunction(
        (text) => document.querySelector(".bars") && document.querySelector(".bars")?.textContent !== text,
        before,
      );
      await page.click("#tab-learn");
      await page.click("text=Take folders as labels");
      await page.selectOption("#folder-class-0", { index: 1 });
      await page.selectOption("#folder-class-1", { index: 2 });
      await page.$eval("#panel-learn", (node) => node.scrollIntoView());
      await picture(page, "folder-classes");
      await page.click("#label-folders");
      expect(await page.textContent("#bank-summary")).toMatch(/^3 classes/);
      await page.waitForFunction(() => /4 labelled.*4 labelled.*0 labelled/.test(document.querySelector(".counts")?.textContent ?? ""));
      // every class needs an image to learn from
      await page.focus("#gallery");
      await page.keyboard.press("End");
      await page.keyboard.press("3");
      await page.waitForFunction(() => !document.querySelector<HTMLButtonElement>("#learn-start")?.disabled);
      const learned = async () => {
        await page.click("#learn-start");
        await page.waitForFunction(
          () => document.querySelector("#use-bank") || /failed/.test(document.querySelector("#learn-status")?.textContent ?? ""),
        );
        expect(await page.textContent("#learn-status")).toBe("");
        const [download] = await Promise.all([page.waitForEvent("download"), page.click("#download-bank")]);
        const path = join(stage().folder, "taught.safetensors");
        await download.saveAs(path);
        return readFileSync(path).toString("latin1");
      };
      const taught = await learned();
      expect(taught).toMatch(/teacher[\\":]+attributes/);
      await page.reload();
      await ready(page);
      expect(await page.inputValue("#sentence-0")).toContain("ribs and lungs 0");
      await page.click("#sentences summary");
      await page.click("#own-sentences");
      expect(await page.inputValue("#sentence-0")).toBe(first.join("\n"));
      await page.setInputFiles("#folder-input", stage().scans);
      await allAnswered(page, 8);
    });

    it("of a bank file replace the learned one, and a file that is none leaves its name and its reason", async () => {
      const { page } = open;
      await page.setInputFiles("#bank-input", join(stage().scans, "fundus", "fundus-1.png"));
      await page.waitForSelector("#notice:not([hidden])");
      expect(await page.textContent("#bank-name")).toBe("fundus-1.png");
      expect(await page.textContent("#notice")).toMatch(/expected/);
    });
  });
}

/** Put before the worker's code: what was measured is a collapse, whatever was learned. */
const COLLAPSED = `
{
  const post = globalThis.postMessage.bind(globalThis);
  globalThis.postMessage = (message) => {
    if (message.answer?.measured) message.answer.measured.warnings = [{ code: "collapsed", message: "the bank answers one class" }];
    post(message);
  };
}
`;

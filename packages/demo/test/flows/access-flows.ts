// The page for everyone: by keys alone, with a screen reader, in the colours one wants. Registers tests; page-server.test.ts runs them in its browser.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { allAnswered, closed, type OpenPage, picture, ready, type Stage, settle, typeClasses } from "../page-under-test.js";

const CLASSES = ["chest radiograph", "retinal fundus photograph"];

export function accessFlows(stage: () => Stage): void {
  describe("for everyone", () => {
    let open: OpenPage;
    beforeAll(async () => {
      open = await stage().open();
      await open.page.setInputFiles("#folder-input", stage().scans);
      await typeClasses(open.page, CLASSES);
      await allAnswered(open.page, 8);
    });
    afterAll(() => closed(open));

    it("keeps colours that were chosen, and goes back to the system's after dark", async () => {
      const { page } = open;
      const theme = () => page.evaluate(() => document.documentElement.dataset["theme"]);
      const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      const said = [];
      const papers = [];
      for (let i = 0; i < 3; i++) {
        await page.click("#theme-button");
        said.push([await theme(), await page.getAttribute("#theme-button", "aria-label")]);
        papers.push(await paper());
      }
      expect(said).toEqual([
        ["light", "Colours: light"],
        ["dark", "Colours: dark"],
        [undefined, "Colours: as the system"],
      ]);
      expect(papers[0]).not.toBe(papers[1]);
      expect(papers[0]).toBe(papers[2]);
      await page.evaluate(() => localStorage.setItem("biovlm-theme", "dark"));
      await page.reload();
      await ready(page);
      expect(await theme()).toBe("dark");
      await page.evaluate(() => localStorage.setItem("biovlm-theme", "no such theme"));
      await page.reload();
      await ready(page);
      expect(await theme()).toBeUndefined();
    });

    it("moves through the tabs by arrows in a circle; one tab is in the order of the keys, one panel is seen", async () => {
      const { page } = open;
      await page.focus("#tab-result");
      const walk = [];
      for (const key of ["ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft", "Home"]) {
        await page.keyboard.press(key);
        walk.push(await page.evaluate(() => document.activeElement?.id));
        expect(await page.$$eval('[role="tab"][tabindex="0"], [role="tab"]:not([tabindex])', (tabs) => tabs.length)).toBe(1);
        const shown = await page.$$eval('[role="tabpanel"]:not([hidden])', (panels) =>
          panels.map((p) => p.getAttribute("aria-labelledby")),
        );
        expect(shown).toEqual([walk.at(-1)]);
      }
      expect(walk).toEqual(["tab-answers", "tab-routing", "tab-learn", "tab-result", "tab-learn", "tab-learn"]);
      await page.click("#tab-result");
    });

    it("pins what one prompt says alone by a press, says it, and lets go by another", async () => {
      const { page } = open;
      await page.setInputFiles("#folder-input", stage().scans);
      await typeClasses(page, CLASSES);
      await allAnswered(page, 8);
      const pressed = () => page.getAttribute(".prompts li:nth-child(3) .prompt", "aria-pressed");
      // an answer that comes draws the prompts anew, unpinned: pressed until none comes any more
      const pinned = async () => {
        await page.focus(".prompts li:nth-child(3) .prompt");
        if ((await pressed()) === "false") await page.keyboard.press("Enter");
        await page.focus("#tab-result");
        return pressed();
      };
      await expect.poll(pinned).toBe("true");
      await expect.poll(() => page.textContent(".result-text h3")).toMatch(/ alone$/);
      await expect.poll(() => page.textContent("#announcer")).toMatch(/: .+, >?[\d.]+\s%$/);
      await page.focus(".prompts li:nth-child(3) .prompt");
      await page.keyboard.press("Enter");
      await page.focus("#tab-result");
      await expect.poll(() => page.textContent(".result-text h3")).toBe("Answer");
    });

    it("labels by digits only where the panel is open and no field has the cursor, and says each label", async () => {
      const { page } = open;
      const labels = () => page.$$eval(".label-mark:not([hidden])", (marks) => marks.length);
      await page.focus("#gallery");
      await page.keyboard.press("1");
      expect(await labels()).toBe(0);
      await page.click("#tab-learn");
      await page.focus("#learn-seed");
      await page.keyboard.press("2");
      expect(await labels()).toBe(0);
      await page.focus("#gallery");
      await page.keyboard.press("Home");
      await page.keyboard.press("9");
      expect(await labels()).toBe(0);
      await page.keyboard.press("2");
      expect(await labels()).toBe(1);
      expect(await page.textContent("#panel-learn .labels .file-name")).toBe("chest-xray-2.png");
      expect(await page.textContent("#panel-learn .counts")).toMatch(/fundus photograph: 1 labelled/);
      await page.click("#panel-learn .choice-button:has-text('chest radiograph')");
      expect(await labels()).toBe(2);
      await page.keyboard.press("ArrowLeft");
      await page.click("#tab-result");
    });

    it("opens the dialog of model and device by a key, closes it by Escape, and gives the focus back", async () => {
      const { page } = open;
      await page.focus("#device-badge");
      await page.keyboard.press("Enter");
      expect(await page.isVisible("#settings")).toBe(true);
      expect(await page.textContent("#device-facts")).toMatch(/Digest.*sha256:/s);
      await page.selectOption("#model-choice", "own files");
      await page.click("#apply-settings");
      expect(await page.isVisible("#settings")).toBe(true);
      expect(await page.textContent("#pick-model-error")).toMatch(/^missing: weights, open_clip_config\.json, tokenizer\.json\./);
      await picture(page, "model-error");
      await page.setInputFiles("#model-input", [{ name: "tokenizer.json", mimeType: "application/json", buffer: Buffer.from("{}") }]);
      expect(await page.textContent("#pick-model-error")).toMatch(/^missing: weights, open_clip_config\.json\./);
      await page.selectOption("#model-choice", "tiny");
      await page.keyboard.press("Escape");
      expect(await page.isVisible("#settings")).toBe(false);
      expect(await page.evaluate(() => document.activeElement?.id)).toBe("device-badge");
    });

    it("says that learning ended because the model was opened again, where the person looks and where it was begun", async () => {
      const { page } = open;
      await page.click("#tab-learn");
      await page.click("text=Take folders as labels");
      await page.waitForFunction(() => !document.querySelector<HTMLButtonElement>("#learn-start")?.disabled);
      await page.fill("#learn-epochs", "500");
      await page.click("#learn-start");
      await page.waitForFunction(() => /^epoch/.test(document.querySelector("#learn-status")?.textContent ?? ""));
      await page.click("#tab-result");
      await settle(page, { "precision-choice": "fp32", "threads-choice": "1" });
      expect(await page.textContent("#notice")).toMatch(/^Learning ended, because the model was opened again\./);
      await page.click("#tab-learn");
      expect(await page.textContent("#learn-status")).toMatch(/goes on after the last whole epoch/);
      expect(await page.isVisible("#learn-stop")).toBe(false);
      await page.waitForFunction(() => document.querySelector(".counts")?.textContent === "chest-xray: 4 labelledfundus: 4 labelled");
      expect(await page.isDisabled("#learn-start")).toBe(false);
      await picture(page, "learning-ended");
    });

    it("keeps its layout with a class name of 400 letters, wide and narrow", async () => {
      const own = await stage().open();
      const { page } = own;
      await page.setInputFiles("#folder-input", stage().scans);
      await typeClasses(page, [`fundus ${"w".repeat(393)}`, `chest ${"v".repeat(394)}`]);
      await allAnswered(page, 8);
      for (const width of [1280, 360]) {
        await page.setViewportSize({ width, height: 900 });
        for (const tab of ["result", "answers", "routing", "learn"]) {
          await page.click(`#tab-${tab}`);
          if (tab === "routing") await page.selectOption("#routing-groups", "answer");
          await page.waitForTimeout(50);
          await picture(page, `long-name-${width}-${tab}`);
          expect(await page.evaluate(() => document.documentElement.scrollWidth), `${tab} at ${width}`).toBeLessThanOrEqual(width);
          const beyond = await page.$$eval("main *", (nodes) =>
            nodes
              .filter((n) => n.closest(".scroll, .gallery, .unseen, [hidden]") === null && n.getBoundingClientRect().right > innerWidth + 1)
              .map((n) => n.outerHTML.slice(0, 80)),
          );
          expect(beyond, `${tab} at ${width}`).toEqual([]);
        }
        const tiles = await page.$$eval(".tile", (list) => list.map((tile) => tile.getBoundingClientRect().height));
        for (const height of tiles) expect(height).toBeLessThan(260);
      }
      expect(own.complaints).toEqual([]);
      await own.close();
    });

    it("fits a screen of 360 pixels in light and in dark colours", async () => {
      const own = await stage().open({ width: 360 });
      const { page } = own;
      try {
        await page.setInputFiles("#folder-input", stage().scans);
        await typeClasses(page, CLASSES);
        await allAnswered(page, 8);
        for (const colorScheme of ["light", "dark"] as const) {
          await page.emulateMedia({ colorScheme });
          for (const tab of ["result", "answers", "routing", "learn"]) {
            await page.click(`#tab-${tab}`);
            await page.waitForTimeout(50);
            await page.evaluate((id) => document.querySelector(id)!.scrollIntoView(), `#panel-${tab}`);
            await picture(page, `narrow-${colorScheme}-${tab}`);
            expect(await page.evaluate(() => document.documentElement.scrollWidth), tab).toBeLessThanOrEqual(360);
          }
        }
        expect(own.complaints).toEqual([]);
        expect(own.external).toEqual([]);
      } finally {
        await own.close();
      }
    });
  });
}

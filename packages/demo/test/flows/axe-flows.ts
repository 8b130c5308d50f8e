// Every view held to the rules of WCAG A and AA by axe-core: in light, in dark and in forced colours. What axe cannot decide by itself is not judged
// here; keys and names are in access-flows.ts. Registers tests; page-server.test.ts runs them in its browser.

import axe from "axe-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { allAnswered, closed, dropFiles, type OpenPage, picture, type Stage, typeClasses } from "../page-under-test.js";

const LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

const COLOURS = [
  { colorScheme: "light", forcedColors: "none" },
  { colorScheme: "dark", forcedColors: "none" },
  { colorScheme: "dark", forcedColors: "active" },
] as const;

type Rules = { readonly type: "tag" | "rule"; readonly values: string[] };

/** A line for each rule and element that breaks it. */
function violations(page: OpenPage["page"], rules: Rules): Promise<string[]> {
  return page.evaluate(async (runOnly) => {
    const { axe: checker } = globalThis as unknown as { axe: typeof axe };
    const { violations } = await checker.run(document, { runOnly, resultTypes: ["violations"] });
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id}: ${target.join(" ")}: ${failureSummary?.split("\n").slice(1).join(" ").trim()}`),
    );
  }, rules);
}

/** A line for each rule, colours and element of a page as it stands; none where all is well. */
export async function brokenRules(page: OpenPage["page"]): Promise<string[]> {
  await page.evaluate(axe.source);
  const found: string[] = [];
  for (const colours of COLOURS) {
    // what moves has colours of its own on the way
    await page.emulateMedia({ ...colours, reducedMotion: "reduce" });
    const name = colours.forcedColors === "active" ? "forced" : colours.colorScheme;
    // of all rules only this one depends on colours
    const rules: Rules = name === "light" ? { type: "tag", values: LEVELS } : { type: "rule", values: ["color-contrast"] };
    found.push(...(await violations(page, rules)).map((line) => `${name}: ${line}`));
  }
  return found;
}

export function axeFlows(stage: () => Stage): void {
  describe("views and WCAG A and AA", () => {
    let open: OpenPage;
    let pictures = 0;
    beforeAll(async () => {
      open = await stage().open();
    });
    afterAll(() => closed(open));
    const inEveryColour = async () => {
      const found = await brokenRules(open.page);
      await picture(open.page, `forced-${++pictures}`);
      return found;
    };

    it("are broken nowhere before anything is chosen", async () => {
      expect(await inEveryColour()).toEqual([]);
    });

    it("are broken nowhere in an answer with its map, a prompt pinned, a file that cannot be read and a label", async () => {
      const { page } = open;
      await page.setInputFiles("#folder-input", stage().scans);
      await dropFiles(page, [{ name: "cut.png", bytes: [137, 80, 78, 71] }]);
      await typeClasses(page, ["chest radiograph", "retinal fundus photograph", "brain MRI"]);
      await allAnswered(page, 9);
      await page.click("#tab-learn");
      for (const name of ["chest-xray-1", "chest-xray-2", "fundus-1"]) {
        await page.click(`.tile:has-text("${name}")`);
        await page.focus("#gallery");
        await page.keyboard.press("1");
      }
      await page.click("#tab-result");
      await page.click(".occlusion button");
      await page.waitForFunction(() => /Orange/.test(document.querySelector(".legend")?.textContent ?? ""));
      await page.click(".prompts li:nth-child(5) .prompt");
      expect(await inEveryColour()).toEqual([]);
      await page.click(".tile.failed");
      expect(await inEveryColour()).toEqual([]);
    });

    it("are broken nowhere in the tables of answers and of routing", async () => {
      const { page } = open;
      await page.click("#tab-answers");
      await page.waitForSelector("#answer-matrix");
      await page.click("#answer-matrix tbody button");
      expect(await inEveryColour()).toEqual([]);
      await page.click("#tab-routing");
      await page.selectOption("#routing-groups", "label");
      // two of three images keep a prompt: neither the weakest colour nor the strongest
      await page.waitForSelector('#panel-routing .cell:has-text("67")');
      expect(await inEveryColour()).toEqual([]);
    });

    it("are broken nowhere while labelling, with what learning came to, and in the dialog of model and device", async () => {
      const { page } = open;
      await page.click("#show-all");
      await page.click("#tab-learn");
      await page.click("text=Take folders as labels");
      if (await page.isVisible("#folders-as-classes")) await page.click("#folders-as-classes");
      await page.waitForFunction(() => !document.querySelector<HTMLButtonElement>("#learn-start")!.disabled);
      await page.fill("#learn-epochs", "1");
      await page.click("#learn-start");
      await page.waitForSelector("#download-bank");
      expect(await inEveryColour()).toEqual([]);
      await page.click("#device-badge");
      expect(await inEveryColour()).toEqual([]);
      await page.keyboard.press("Escape");
    });
  });
}

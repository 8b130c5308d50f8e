// The page end to end in Chromium, as a person uses it: a folder in, answers, learning, reload, no network, hostile files, a lost device, keys.

import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { cases, soak, withoutProgram } from "@biovlm/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { call } from "../../cli/test/call.js";
import { bomb, HOSTILE_NAMES } from "./hostile-names.js";
import {
  allAnswered,
  dropFiles,
  KEEP_DEVICES,
  type OpenPage,
  openStage,
  picture,
  ready,
  type Stage,
  settle,
  typeClasses,
} from "./page-under-test.js";

const CLASSES = ["chest radiograph", "retinal fundus photograph", "brain MRI"];

describe.skipIf(withoutProgram("chromium"))("the page", () => {
  let stage: Stage;
  let open: OpenPage;
  beforeAll(async () => {
    stage = await openStage();
    open = await stage.open();
    await picture(open.page, "start");
  }, 120_000);
  afterAll(async () => {
    expect(open?.external).toEqual([]);
    await stage?.close();
  });

  it("takes a folder, answers every image and shows probabilities with the prompts that were kept", async () => {
    const { page } = open;
    await page.setInputFiles("#folder-input", stage.scans);
    await typeClasses(page, CLASSES);
    await allAnswered(page, 8);
    expect(await page.textContent("#image-count")).toBe("8 images");
    const shares = await page.$$eval(".bars .bar-share", (nodes) =>
      nodes.map((n) => Number.parseFloat(n.textContent?.replace(/[<>]/, "") ?? "")),
    );
    expect(shares).toHaveLength(3);
    expect(shares.reduce((a, b) => a + b, 0)).toBeGreaterThan(98);
    expect([...shares].sort((a, b) => b - a)).toEqual(shares);
    expect(await page.$$(".prompt")).toHaveLength(12);
    expect(await page.$$(".prompt.kept")).toHaveLength(3);
    const entropies = await page.$$eval(".prompt.kept .prompt-entropy", (nodes) =>
      nodes.map((n) => Number(/[\d.]+$/.exec(n.textContent ?? "")?.[0])),
    );
    expect([...entropies].sort((a, b) => a - b)).toEqual(entropies);
    await page.click(".tile:nth-child(4)");
    await page.waitForFunction(() => [...document.querySelectorAll("h2")].some((h) => h.textContent === "chest-xray-4.png"));
    await page.evaluate(() => scrollTo(0, 0));
    await picture(page, "result");
    await page.click(".tile");
  });

  it("shows what one prompt says alone while it is pointed at or has the focus, and the answer again after", async () => {
    const { page } = open;
    const answer = await page.textContent(".bars");
    await page.hover(".prompts li:last-child .prompt");
    expect(await page.textContent(".result-text h3")).toMatch(/ alone$/);
    expect(await page.textContent(".bars")).not.toBe(answer);
    await page.mouse.move(2, 2);
    expect(await page.textContent(".bars")).toBe(answer);
    await page.focus(".prompts li:first-child .prompt");
    expect(await page.textContent(".result-text h3")).toMatch(/ alone$/);
    await page.focus("#tab-result");
    expect(await page.textContent(".result-text h3")).toBe("Answer");
  });

  it("shows which prompts serve which kind of image: rows of folders, each keeping as many prompts as routing keeps", async () => {
    const { page } = open;
    await page.click("#tab-routing");
    await page.waitForSelector(".heat tbody tr");
    const rows = await page.$$eval(".heat tbody tr", (list) =>
      list.map((row) => ({
        name: row.querySelector("th")?.textContent,
        sum: [...row.querySelectorAll("td")].reduce((s, c) => s + Number(c.textContent), 0),
      })),
    );
    expect(rows.map((r) => r.name)).toEqual(["chest-xray (4)", "fundus (4)"]);
    for (const { sum } of rows) expect(Math.abs(sum - 300)).toBeLessThanOrEqual(6);
    await picture(page, "routing");
    await page.selectOption("#routing-groups", "answer");
    const names = await page.$$eval(".heat tbody th bdi", (list) => list.map((th) => th.textContent));
    for (const name of names) expect(CLASSES).toContain(name);
    await page.click("#tab-result");
  });

  it("covers the image cell by cell and lays the map over it; other classes take the map away", async () => {
    const { page } = open;
    await page.click(".occlusion button");
    await page.waitForFunction(() => /Orange/.test(document.querySelector(".legend")?.textContent ?? ""));
    expect(await page.isVisible(".overlay")).toBe(true);
    const painted = await page.$eval(".overlay", (node) => {
      const canvas = node as HTMLCanvasElement;
      const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
      return { cells: canvas.width * canvas.height, seen: data.filter((_, i) => i % 4 === 3).filter((a) => a > 0).length };
    });
    expect(painted.cells).toBe(64);
    expect(await page.isVisible(".scale-bar canvas")).toBe(true);
    expect(painted.seen).toBeGreaterThan(0);
    await picture(page, "occlusion");
    await typeClasses(page, CLASSES.slice(0, 2));
    await allAnswered(page, 8);
    expect(await page.isVisible(".overlay")).toBe(false);
  });

  it("uses the classes and attribute sentences of a known data set", async () => {
    const { page } = open;
    await page.check('input[value="dataset"]');
    await page.selectOption("#dataset", "busi");
    await page.click("#apply-classes");
    await page.waitForFunction(() => /attributes/.test(document.querySelector("#bank-summary")?.textContent ?? ""));
    await allAnswered(page, 8);
    expect(await page.$$(".bars .bar")).toHaveLength(3);
  });

  it("is used by keys alone: images by arrows, tabs by arrows, labels by digits", async () => {
    const { page } = open;
    await page.focus("#gallery");
    await page.keyboard.press("Home");
    await page.keyboard.press("ArrowRight");
    expect(await page.$$eval(".tile", (tiles) => tiles.findIndex((t) => t.getAttribute("aria-selected") === "true"))).toBe(1);
    expect(await page.getAttribute("#gallery", "aria-activedescendant")).toBe(await page.$eval('.tile[aria-selected="true"]', (t) => t.id));
    await page.focus("#tab-result");
    await page.keyboard.press("ArrowLeft");
    expect(await page.getAttribute("#tab-learn", "aria-selected")).toBe("true");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("tab-learn");
    await page.keyboard.press("2");
    expect(await page.$$eval(".label-mark:not([hidden])", (marks) => marks.map((m) => m.textContent))).toEqual([
      "labelled malignant tumor",
    ]);
    await page.focus("#gallery");
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("0");
    expect(await page.$$(".label-mark:not([hidden])")).toHaveLength(0);
  });

  it("gives every control a name, and says results to screen readers", async () => {
    const { page } = open;
    for (const tab of ["result", "answers", "routing", "learn"]) {
      await page.click(`#tab-${tab}`);
      const nameless = await page.$$eval("button, input, select, textarea, [role=tab], [role=option], [role=img]", (nodes) =>
        nodes
          .filter((n) => {
            const labels = (n as HTMLInputElement).labels;
            return !(
              n.getAttribute("aria-label") ||
              n.textContent?.trim() ||
              (labels !== null && labels !== undefined && labels.length > 0)
            );
          })
          .map((n) => n.outerHTML.slice(0, 120)),
      );
      expect(nameless).toEqual([]);
    }
    await page.click("#tab-result");
    await page.focus("#gallery");
    await page.keyboard.press("End");
    expect(await page.textContent("#announcer")).toMatch(/^fundus-4\.png: .+, >?[\d.]+\s%$/);
    expect(await page.textContent(".research")).toBe("Research use only, not a medical device");
  });

  it("learns a bank that equals the command line's byte for byte, also when it was stopped half-way and went on after a reload", async () => {
    const { page } = open;
    const learn = async (epochs: number) => {
      await settle(page, { "threads-choice": "1" });
      await page.click("#tab-learn");
      await page.fill("#learn-epochs", String(epochs));
      await page.click("text=Take folders as labels");
      // the first time a data set's classes are chosen, which the folders are not
      if (await page.isVisible("#folders-as-classes")) await page.click("#folders-as-classes");
      await page.waitForFunction(() => document.querySelector(".counts")?.textContent === "chest-xray: 4 labelledfundus: 4 labelled");
      await page.waitForFunction(() => !document.querySelector<HTMLButtonElement>("#learn-start")!.disabled);
      await page.click("#learn-start");
    };
    const epochs = 16;
    // stopped within the page, in the step that says the third epoch: however fast it learns, there are epochs left
    await page.evaluate(() => {
      const stopAtThird = new MutationObserver(() => {
        if (!document.querySelector("#learn-status")?.textContent?.startsWith("epoch 3 of")) return;
        stopAtThird.disconnect();
        document.querySelector<HTMLButtonElement>("#learn-stop")!.click();
      });
      stopAtThird.observe(document.body, { subtree: true, childList: true, characterData: true });
    });
    await learn(epochs);
    await page.waitForFunction(() => document.querySelector("#learn-status")?.textContent?.startsWith("Stopped."));
    await picture(page, "stopped");
    await page.reload();
    await ready(page);
    await page.setInputFiles("#folder-input", stage.scans);
    await learn(epochs);
    await page.waitForSelector("#download-bank");
    expect(await page.textContent("#learn-outcome")).toMatch(/gone on after epoch (?:[2-9]|1[0-5])\b/);
    await page.evaluate(() => document.querySelector("#learn-outcome")!.scrollIntoView({ block: "end" }));
    await picture(page, "learned");
    const [download] = await Promise.all([page.waitForEvent("download"), page.click("#download-bank")]);
    const file = join(stage.folder, "learned.bank.safetensors");
    await download.saveAs(file);

    const theirs = join(stage.folder, "cli.bank.safetensors");
    const words = ["train", stage.scans, "--all", "--device", "wasm", "--threads", "1", "--seed", "1"];
    const trained = await call([...words, "--set", `epochs=${epochs}`, "--out", theirs, "--cache", "off"]);
    expect(trained, trained.err).toMatchObject({ code: 0 });
    expect(readFileSync(file).equals(readFileSync(theirs))).toBe(true);

    const image = join(stage.scans, "fundus", "fundus-1.png");
    const said = await call(["classify", image, "--bank", file, "--device", "wasm", "--json"]);
    expect(said, said.err).toMatchObject({ code: 0 });
    await page.click("#use-bank");
    await page.waitForFunction(() => /mixture, changed/.test(document.querySelector("#bank-summary")?.textContent ?? ""));
    await allAnswered(page, 8);
    await page.click('.tile:has-text("fundus-1.png")');
    const top = (await page.textContent(".bars .bar-name"))!;
    expect(said.out).toContain(`"${top}"`);
  });

  it("takes a bank's file after a reload, and answers as before", async () => {
    const { page } = open;
    const before = await page.textContent(".bars");
    await page.reload();
    await ready(page);
    await page.setInputFiles("#file-input", join(stage.scans, "fundus", "fundus-1.png"));
    await page.setInputFiles("#bank-input", join(stage.folder, "learned.bank.safetensors"));
    await page.waitForSelector(".bars");
    await settle(page, { "threads-choice": "1" });
    await page.waitForSelector(".bars");
    const words = (text: string | null) => text?.replace(/[<>]?[\d.]+/g, "");
    expect(words(await page.textContent(".bars"))).toBe(words(before));
  });

  it("refuses a bank of another model and a file that is none, by name, and goes on", async () => {
    const { page } = open;
    const bytes = readFileSync(join(stage.folder, "learned.bank.safetensors"));
    const text = bytes.toString("latin1");
    const other = Buffer.from(text.replace(/sha256:[0-9a-f]{8}/, "sha256:00000000"), "latin1");
    writeFileSync(join(stage.folder, "other.safetensors"), other);
    await page.setInputFiles("#bank-input", join(stage.folder, "other.safetensors"));
    await page.waitForFunction(() => /expected one made for model/.test(document.querySelector("#notice")?.textContent ?? ""));
    writeFileSync(join(stage.folder, "none.safetensors"), bytes.subarray(0, 100));
    await page.setInputFiles("#bank-input", join(stage.folder, "none.safetensors"));
    await page.waitForFunction(() => !/expected one made for model/.test(document.querySelector("#notice")?.textContent ?? ""));
    expect(await page.isVisible("#notice")).toBe(true);
    await typeClasses(page, CLASSES);
    expect(await page.isVisible("#notice.bad")).toBe(false);
  });

  it("R28: reads hostile file names as text and corrupt files as failures, one by one", async () => {
    const { page, complaints, external } = open;
    await page.click("#remove-all");
    const sound = [...readFileSync(join(stage.scans, "fundus", "fundus-1.png"))];
    const corrupt: Record<string, number[]> = {
      "empty.png": [],
      "cut.png": sound.slice(0, 400),
      "page.png": [...Buffer.from("<!doctype html><script>window.hacked=1</script>")],
      "bomb.png": bomb(sound),
      "noise.jpg": Array.from({ length: 3000 }, (_, i) => (i * 97) % 256),
      "vector.png": [...Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" onload="window.hacked=1"/>')],
    };
    const files = [
      ...HOSTILE_NAMES.map((name) => ({ name, bytes: sound })),
      ...Object.entries(corrupt).map(([name, bytes]) => ({ name, bytes })),
    ];
    expect(HOSTILE_NAMES.length).toBeGreaterThanOrEqual(50);
    const markup = await page.$$eval("script, img, iframe, object, embed, link, style, base, meta", (n) => n.length);
    await dropFiles(page, files);
    await allAnswered(page, files.length);
    expect(await page.$$(".tile.failed")).toHaveLength(Object.keys(corrupt).length);
    await picture(page, "hostile-names");
    await page.$$eval(".tile", (tiles) => {
      for (const tile of tiles) (tile as HTMLElement).click();
    });
    for (const tab of ["answers", "routing", "learn", "result"]) await page.click(`#tab-${tab}`);
    expect(await page.evaluate(() => (globalThis as { hacked?: unknown }).hacked)).toBeUndefined();
    expect(await page.$$eval("script, img, iframe, object, embed, link, style, base, meta", (n) => n.length)).toBe(markup);
    const names = await page.$$eval(".tile bdi", (list) => list.map((n) => n.textContent ?? ""));
    expect(names).toContain("<script>window.hacked=1</script>.png");
    for (const name of names) {
      expect(name).not.toMatch(/[\u0000-\u001f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/);
      expect(name.length).toBeLessThanOrEqual(200);
    }
    expect(complaints).toEqual([]);
    expect(external).toEqual([]);
    await page.click("#remove-all");
  });

  it("opens, answers and learns nothing less without a network after the first visit", async () => {
    const { page } = open;
    await page.context().setOffline(true);
    try {
      await page.reload();
      await ready(page);
      await page.setInputFiles("#file-input", join(stage.scans, "fundus", "fundus-1.png"));
      await typeClasses(page, CLASSES);
      await page.waitForSelector(".bars");
    } finally {
      await page.context().setOffline(false);
    }
  });

  it("answers the first image from what it kept each time it is opened, and says how long that took", async () => {
    const { page } = open;
    const times: number[] = [];
    for (let i = 0; i < (soak ? 4 : 1); i++) {
      const started = performance.now();
      await page.reload();
      await ready(page);
      await page.setInputFiles("#file-input", join(stage.scans, "fundus", "fundus-1.png"));
      await page.fill("#class-names", CLASSES.join("\n"));
      await page.click("#apply-classes");
      await page.waitForSelector(".bars");
      times.push(performance.now() - started);
    }
    console.log(`page, warm: first answer after ${times.map((t) => Math.round(t)).join(", ")} ms`);
  });

  it("clears what it kept when asked, and fetches it again", async () => {
    const { page } = open;
    await page.click("#clear-kept");
    await page.click("#question-yes");
    await page.waitForFunction(() => document.querySelector("#kept-text")?.textContent === "kept here: nothing");
    expect(await page.evaluate(async () => (await caches.keys()).length)).toBe(0);
    await page.reload();
    await ready(page);
  });

  it("outlives its WebGPU device: destroyed in the middle of answering, it is opened again, said so, and the answers come out the same", async () => {
    const own = await stage.open({ workerPrologue: KEEP_DEVICES });
    const { page } = own;
    try {
      await settle(page, { "device-choice": "webgpu", "precision-choice": "fp32" });
      expect(await page.textContent("#device-text")).toBe("webgpu, fp32");
      await typeClasses(page, CLASSES.slice(0, 2));
      const files = [join(stage.scans, "fundus", "fundus-1.png")];
      const answers = async (during?: () => Promise<unknown>) => {
        if (await page.isVisible("#remove-all")) await page.click("#remove-all");
        await page.setInputFiles("#file-input", files);
        await page.waitForFunction((n) => document.querySelectorAll(".tile").length === n, files.length);
        await during?.();
        await allAnswered(page, files.length);
        return page.$$eval(".tile .said", (list) => list.map((s) => s.textContent));
      };
      const undisturbed = await answers();
      expect(await page.$$(".tile.failed")).toHaveLength(0);
      for (let i = 0; i < cases(20, 20); i++) {
        const worker = page.workers().findLast((w) => w.url().includes("engine-worker"))!;
        const again = await answers(async () => {
          await page.waitForTimeout((97 * (i + 1)) % 500);
          await worker.evaluate(() => (globalThis as unknown as { devices: { destroy(): void }[] }).devices.at(-1)!.destroy());
        });
        expect(again).toEqual(undisturbed);
        // a device that went after the last answer is missed by the next image
        if ((await page.textContent("#notice")) === "") expect(await answers()).toEqual(undisturbed);
        expect(await page.textContent("#notice")).toMatch(/device was lost; the page goes on with webgpu/);
      }
    } finally {
      await own.close();
    }
  }, 600_000);

  it("is small: code within 250 kB gzipped without runtime, codecs and models, the model within 8 MB", () => {
    const files = (readdirSync(stage.dist, { recursive: true }) as string[]).filter((f) => statSync(join(stage.dist, f)).isFile());
    const code = files.filter((f) => !/^(ort|models|codecs)[\\/]|ort\.(wasm|webgpu)\.min/.test(f));
    const gz = code.reduce((sum, f) => sum + gzipSync(readFileSync(join(stage.dist, f)), { level: 9 }).length, 0);
    console.log(`page: ${Math.round(gz / 1000)} kB gzipped in ${code.length} files`);
    expect(gz).toBeLessThanOrEqual(250_000);
    const model = files.filter((f) => /^models[\\/]/.test(f)).reduce((sum, f) => sum + statSync(join(stage.dist, f)).size, 0);
    expect(model).toBeLessThanOrEqual(8_000_000);
    expect(files.some((f) => f.endsWith(".map"))).toBe(false);
  });
});

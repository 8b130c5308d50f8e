// The real page for end-to-end tests: built afresh into a folder of its own, served by the command line's own server, opened in Chromium.
// Counts what a sound page never has: requests to other hosts, console messages, dialogs.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Browser, launchChromium, type Page } from "@biovlm/testkit/browser";
import { build } from "vite";
import { expect } from "vitest";
import { type PageServer, servePage } from "../../cli/src/page-server.js";
import { phantomSet } from "../../cli/src/phantoms/phantom-set.js";
import { encodePng } from "../../cli/src/phantoms/png-file.js";

export interface OpenPage {
  readonly page: Page;
  /** console lines, uncaught errors, dialogs */
  readonly complaints: readonly string[];
  /** addresses asked for outside the page's origin */
  readonly external: readonly string[];
  close(): Promise<void>;
}

export interface Stage {
  readonly dist: string;
  readonly scans: string;
  readonly folder: string;
  readonly browser: Browser;
  readonly url: string;
  /** `workerPrologue` is code put before the engine worker's own; there is no service worker then. */
  open(options?: {
    readonly width?: number;
    readonly height?: number;
    readonly dark?: boolean;
    readonly workerPrologue?: string;
    /** another server of the page than the command line's own */
    readonly url?: string;
  }): Promise<OpenPage>;
  close(): Promise<void>;
}

const KINDS = ["chest-xray", "fundus"];

/** Builds, draws a folder of phantoms (class/name.png), serves and launches. */
export async function openStage(): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), "biovlm-page-"));
  const dist = join(folder, "dist");
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  await build({ root, configFile: join(root, "vite.config.ts"), build: { outDir: dist }, logLevel: "warn" });
  const scans = join(folder, "scans");
  for (const { kind, file, image } of phantomSet({ seed: 3, perKind: 4, size: 160 })) {
    if (!KINDS.includes(kind.id)) continue;
    mkdirSync(join(scans, kind.id), { recursive: true });
    writeFileSync(join(scans, kind.id, file), encodePng(image));
  }
  const server: PageServer = await servePage(dist, 0);
  const browser = await launchChromium();
  return {
    dist,
    scans,
    folder,
    browser,
    url: server.url,
    async open({ width = 1280, height = 900, workerPrologue, url = server.url } = {}) {
      const context = await browser.newContext({
        viewport: { width, height },
        colorScheme: "light",
        acceptDownloads: true,
        serviceWorkers: workerPrologue === undefined ? "allow" : "block",
      });
      if (workerPrologue !== undefined) {
        await context.route(/engine-worker[^/]*\.js$/, async (route) => {
          const response = await route.fetch();
          await route.fulfill({ response, body: `${workerPrologue}${await response.text()}` });
        });
      }
      const page = await context.newPage();
      page.setDefaultTimeout(30_000);
      const [complaints, external]: [string[], string[]] = [[], []];
      page.on("console", (message) => complaints.push(message.text()));
      page.on("pageerror", (error) => complaints.push(`uncaught: ${error.message}`));
      page.on("dialog", (dialog) => {
        complaints.push(`dialog: ${dialog.message()}`);
        void dialog.dismiss();
      });
      context.on("request", (request) => {
        if (!request.url().startsWith(url) && !/^(blob|data):/.test(request.url())) external.push(request.url());
      });
      await page.goto(url);
      await ready(page);
      return { page, complaints, external, close: () => context.close() };
    },
    async close() {
      await browser.close();
      await server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** With BIOVLM_PICTURES=DIR, writes DIR/page-NAME.jpg of the page as it stands: how docs/images is made. */
export async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env["BIOVLM_PICTURES"];
  if (folder === undefined || folder === "") return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `page-${name}.jpg`), type: "jpeg", quality: 82 });
}

/** Closes a page that complained of nothing and asked nobody but its own server. */
export async function closed(open: OpenPage | undefined): Promise<void> {
  expect(open?.complaints).toEqual([]);
  expect(open?.external).toEqual([]);
  await open?.close();
}

/** Resolves when the model is open. Throws with the page's notice when it could not be. */
export async function ready(page: Page): Promise<void> {
  await page.waitForSelector('#device-badge[data-state="ready"], #device-badge[data-state="bad"]');
  const state = await page.getAttribute("#device-badge", "data-state");
  if (state !== "ready") throw new Error(`the model did not open: ${await page.textContent("#notice")}`);
}

export async function typeClasses(page: Page, names: readonly string[]): Promise<void> {
  await page.check("#class-kind-names");
  await page.fill("#class-names", names.join("\n"));
  await page.click("#apply-classes");
  await page.waitForFunction((n) => document.querySelector("#bank-summary")?.textContent?.startsWith(`${n} classes`), names.length);
}

/** Waits until every image has an answer or a failure. */
export async function allAnswered(page: Page, count: number): Promise<void> {
  await page.waitForFunction((n) => {
    const said = [...document.querySelectorAll(".tile .said")].map((s) => s.textContent);
    return said.length === n && said.every((s) => s !== "…");
  }, count);
}

/** Waits until the whole picture on the screen has RGB bytes of this sha256. */
export async function showsPixels(page: Page, wanted: string): Promise<void> {
  // asked from here: a page's own wait takes an asynchronous condition's promise for its truth
  await expect.poll(() => page.evaluate(hashOfWhole), { timeout: 30_000 }).toBe(wanted);
}

/** Runs in the page. */
async function hashOfWhole(): Promise<string | undefined> {
  const canvas = document.querySelector<HTMLCanvasElement>(".whole");
  if (canvas === null) return undefined;
  // read beside the page's canvas, which is not made to be read often
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
  copy?.drawImage(canvas, 0, 0);
  const data = copy?.getImageData(0, 0, canvas.width, canvas.height).data;
  if (data === undefined) return undefined;
  const bytes = await crypto.subtle.digest(
    "SHA-256",
    data.filter((_, i) => i % 4 !== 3),
  );
  return [...new Uint8Array(bytes)].map((b) => b.toString(16).padStart(2, "0")).join("");
}

/** Drops files on the page as a script can: with names and bytes, without a folder. */
export async function dropFiles(page: Page, files: readonly { readonly name: string; readonly bytes: readonly number[] }[]): Promise<void> {
  await page.evaluate((list) => {
    const transfer = new DataTransfer();
    for (const { name, bytes } of list) transfer.items.add(new File([new Uint8Array(bytes)], name));
    document.querySelector("#drop")!.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
  }, files);
}

/** Starts the engine again with other settings. */
export async function settle(page: Page, settings: Readonly<Record<string, string>>): Promise<void> {
  await page.click("#device-badge");
  await picture(page, "device");
  for (const [id, value] of Object.entries(settings)) await page.selectOption(`#${id}`, value);
  await page.click("#apply-settings");
  await page.waitForSelector('#device-badge[data-state="busy"]', { timeout: 2000 }).catch(() => undefined);
  await ready(page);
}

/** Put before the worker's code: every WebGPU device it is given stays reachable, to be destroyed. */
export const KEEP_DEVICES = `
globalThis.devices = [];
{
  const request = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (descriptor) {
    const device = await request.call(this, descriptor);
    globalThis.devices.push(device);
    return device;
  };
}
`;

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Browser, bundleForBrowser, launchChromium, openTestPage, servePages } from "../src/browser.js";
import { withoutProgram } from "../src/programs.js";

const here = (name: string) => new URL(`./pages/${name}`, import.meta.url);

describe.skipIf(withoutProgram("chromium"))("a test page in Chromium", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser?.close());

  it("is cross-origin isolated and has a WebGPU adapter", async () => {
    const { page, external, close } = await openTestPage({ entry: here("probe.ts"), browser });
    expect(await page.evaluate("globalThis.probe")).toEqual({ isolated: true, shared: true, webgpu: true });
    expect(external).toEqual([]);
    await close();
  });

  it("loses isolation without the headers, so a test can show the single-thread path", async () => {
    const { page, close } = await openTestPage({ entry: here("probe.ts"), browser, isolated: false });
    expect(await page.evaluate("globalThis.probe.isolated")).toBe(false);
    await close();
  });

  it("cannot reach another origin under the strict policy, and a try is recorded only without it", async () => {
    const other = await servePages({ files: { "/": "other" } });
    const strict = await openTestPage({ entry: here("probe.ts"), browser });
    expect(await strict.page.evaluate(`globalThis.reach("${other.origin}/")`)).toBe("refused");
    expect(strict.log.join()).toMatch(/Content Security Policy/);
    await strict.close();
    const open = await openTestPage({ entry: here("probe.ts"), browser, csp: false });
    await open.page.evaluate(`globalThis.reach("${other.origin}/")`);
    expect(open.external).toEqual([`${other.origin}/`]);
    await open.close();
    await other.close();
  });

  it("that fails to start says why", async () => {
    await expect(openTestPage({ entry: here("throws.ts"), browser })).rejects.toThrow(/fails on purpose/);
  });
});

describe("the page server", () => {
  it("serves mounted files and nothing above or beside them", async () => {
    const folder = decodeURIComponent(here("").pathname);
    const server = await servePages({ mounts: { "/pages/": folder } });
    const status = async (path: string) => (await fetch(server.origin + path)).status;
    expect(await status("/pages/probe.ts")).toBe(200);
    expect(await status("/pages/%2e%2e%2fattack.test.ts")).toBe(404);
    expect(await status("/pages/..%2fattack.test.ts")).toBe(404);
    expect(await status("/pages/absent.ts")).toBe(404);
    expect(await status("/")).toBe(404);
    expect(await status("/constructor")).toBe(404);
    await server.close();
  });
});

describe("bundling for a browser", () => {
  it("refuses an entry that needs Node", async () => {
    await expect(bundleForBrowser(new URL("../src/locations.ts", import.meta.url).pathname)).rejects.toThrow(/node:fs/);
  });
});

// Chromium for tests that must run in a real browser: finds it, starts it headless with a software WebGPU adapter, bundles a TypeScript
// entry for it and opens it on a loopback page. Not a test runner: the assertions stay in ordinary vitest files (NAME.browser.test.ts),
// which call page.evaluate. Without Chromium such a file is skipped: withoutProgram("chromium").
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { type Browser, chromium, type Page } from "playwright-core";
import { type PageServerOptions, servePages } from "./page-server.js";
import { findProgram } from "./programs.js";

export type { Browser, Page } from "playwright-core";
export { type PageServer, type PageServerOptions, servePages, strictCsp } from "./page-server.js";

/** Headless Chromium with SwiftShader's WebGPU adapter (slow, without shader-f16), and without calls home. */
export const chromiumFlags: readonly string[] = [
  "--no-sandbox",
  "--enable-unsafe-webgpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Starts a headless Chromium with its own empty profile; close it in afterAll. Call only where there is one. */
export async function launchChromium(extraFlags: readonly string[] = []): Promise<Browser> {
  const executablePath = findProgram("chromium");
  if (executablePath === undefined)
    throw new Error('no Chromium to launch — guard the suite with describe.skipIf(withoutProgram("chromium"))');
  return chromium.launch({ executablePath, headless: true, args: [...chromiumFlags, ...extraFlags] });
}

/** Bundles a module for a browser as one ESM text; our packages resolve to their sources. Throws esbuild's error on a node: import. */
export async function bundleForBrowser(entry: string): Promise<string> {
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022",
    conditions: ["@biovlm/source", "browser", "import", "module"],
    sourcemap: "inline",
    logLevel: "silent",
  });
  return result.outputFiles[0]!.text;
}

export interface TestPageOptions extends PageServerOptions {
  /** A TypeScript module to bundle and run in the page: a path or a file: URL. Hang what tests call on globalThis. */
  readonly entry: string | URL;
  /** A browser to share between pages; without it one is launched and closed with the page. */
  readonly browser?: Browser;
}

export interface TestPage {
  readonly page: Page;
  readonly origin: string;
  /** Lines the page wrote to its console, and uncaught errors as "uncaught: …". */
  readonly log: readonly string[];
  /** URLs asked for outside the page's own origin; a sound page leaves this empty. */
  readonly external: readonly string[];
  close(): Promise<void>;
}

/**
 * Bundles the entry, serves it and opens it; resolves once the entry's top-level code has run.
 * @example
 * const { page, close } = await openTestPage({ entry: new URL("./page.ts", import.meta.url) });
 * expect(await page.evaluate(() => globalThis.decode([137, 80]))).toEqual(…);
 * @throws Error with the page's console when the entry fails.
 */
export async function openTestPage(options: TestPageOptions): Promise<TestPage> {
  const entry = options.entry instanceof URL ? fileURLToPath(options.entry) : resolve(options.entry);
  const script = `${await bundleForBrowser(entry)}\nglobalThis.__entryRan = true;\n`;
  const html =
    '<!doctype html><meta charset="utf-8"><title>test</title><link rel="icon" href="data:,"><script type="module" src="/entry.js"></script>';
  const server = await servePages({ ...options, files: { "/": html, "/entry.js": script, ...options.files } });
  const browser = options.browser ?? (await launchChromium());
  const context = await browser.newContext();
  const page = await context.newPage();
  const [log, external]: [string[], string[]] = [[], []];
  const failure = new Promise<never>((_, reject) => page.once("pageerror", reject));
  failure.catch(() => undefined);
  page.on("console", (message) => log.push(message.text()));
  page.on("pageerror", (error) => log.push(`uncaught: ${error.message}`));
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(`${server.origin}/`) && !/^(data|blob):/.test(url)) external.push(url);
  });
  const close = async () => {
    await context.close();
    if (options.browser === undefined) await browser.close();
    await server.close();
  };
  try {
    await page.goto(server.origin);
    await Promise.race([page.waitForFunction("globalThis.__entryRan === true"), failure]);
  } catch (cause) {
    await close();
    throw new Error(`the page of ${entry} did not start: ${log.join(" | ") || String(cause)}`, { cause });
  }
  return { page, origin: server.origin, log, external, close };
}

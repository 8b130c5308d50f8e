// The page behind something that stands before its server: below a path of a proxy that names another host, while the server begins anew, where it
// has keys all of a sudden, and on a telephone. Registers tests; page-server.test.ts runs them in its browser.

import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Served, serve } from "../../../cli/test/served.js";
import { allAnswered, type OpenPage, picture, ready, type Stage } from "../page-under-test.js";
import { builtPage } from "../served-page.js";
import { brokenRules } from "./axe-flows.js";
import { KEEP_SENT, type Sent } from "./server-flows.js";

const PATH = "/biovlm/";
const KEY = "the-key-of-the-clinic";

/** Gives on what is below its path, under another Host; 502 while nobody is behind it. */
class Front {
  target: URL | undefined;
  /** answers this to POST, once, in place of the server */
  instead: { readonly status: number; readonly body: string } | undefined;
  private readonly server: Server = createServer((from, to) => {
    const { instead } = this;
    if (instead !== undefined && from.method === "POST") {
      this.instead = undefined;
      from.resume().on("end", () => to.writeHead(instead.status, { "content-type": "text/html" }).end(instead.body));
      return;
    }
    if (!from.url?.startsWith(PATH)) return void to.writeHead(404).end("not below the path");
    const bad = () => to.writeHead(502, { "content-type": "text/html" }).end("<h1>Bad gateway</h1>");
    if (this.target === undefined) return void from.resume().on("end", bad);
    const { hostname, port, host } = this.target;
    const on = { hostname, port, method: from.method, path: `/${from.url.slice(PATH.length)}`, headers: { ...from.headers, host } };
    from.pipe(request(on, (answer) => answer.pipe(to.writeHead(answer.statusCode ?? 500, answer.headers))).on("error", bad));
  });

  async listen(): Promise<string> {
    await new Promise<void>((done) => this.server.listen(0, "127.0.0.1", done));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}${PATH}`;
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}

export function proxiedServerFlows(stage: () => Stage): void {
  describe("a server behind a proxy", () => {
    const proxy = new Front();
    const shares = "brain CT=0.2,fundus=0.3,chest X-ray=0.5";
    const words = ["--class", "brain CT", "--class", "fundus", "--class", "chest X-ray", "--prevalence", shares];
    let served: Served;
    let open: OpenPage;
    let folder: string;
    const behind = async (...more: string[]) => {
      served = await serve([...words, ...more], folder);
      proxy.target = new URL(served.url);
    };
    const notice = (text: RegExp) =>
      open.page.waitForFunction((source) => new RegExp(source).test(document.querySelector("#notice")?.textContent ?? ""), text.source);

    beforeAll(async () => {
      folder = join(stage().folder, "behind");
      mkdirSync(folder, { recursive: true });
      const sha256 = createHash("sha256").update(KEY).digest("hex");
      writeFileSync(join(folder, "keys.json"), JSON.stringify([{ name: "clinic", sha256, scopes: ["infer"] }]));
      for (const kind of ["chest-xray", "fundus"])
        copyFileSync(join(stage().scans, kind, `${kind}-1.png`), join(folder, `${kind}^Doe.png`));
      builtPage.folder = stage().dist;
      await behind();
      open = await stage().open({ url: await proxy.listen(), width: 390, height: 800 });
      await open.page.addInitScript(KEEP_SENT);
      await open.page.reload();
      await ready(open.page);
    }, 120_000);
    afterAll(async () => {
      expect(open?.external).toEqual([]);
      // the browser itself says a refusal's status
      expect(open?.complaints.filter((line) => !/status of (401|413|502)/.test(line))).toEqual([]);
      await open?.close();
      await served?.stop();
      proxy.close();
    });

    it("is asked below the page's own path, on a narrow screen, with a bank's digest in sight", async () => {
      const { page } = open;
      await page.waitForSelector("label:has(#class-kind-server):not([hidden])");
      expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
      await page.setInputFiles(
        "#file-input",
        ["chest-xray^Doe.png", "fundus^Doe.png"].map((name) => join(folder, name)),
      );
      await page.focus("#class-kind-server");
      await page.keyboard.press("Space");
      await page.waitForSelector("#server-bank option", { state: "attached" });
      expect(await page.textContent("#server-facts")).toMatch(/^brain CT; fundus; chest X-ray\. .*Bank sha256:[0-9a-f]{12}, model sha256:/);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
      await page.locator("#server-consent").scrollIntoViewIfNeeded();
      await picture(page, "server-narrow");
      await page.focus("#server-bank");
      await page.keyboard.press("Control+Enter");
      await allAnswered(page, 2);
      expect(await page.$$(".tile.failed")).toHaveLength(0);
      expect(await brokenRules(page)).toEqual([]);
      await page.emulateMedia({ colorScheme: "light", forcedColors: "none" });
      expect(await page.isVisible("#research")).toBe(true);
    });

    it("is named in files of answers with its version, and with how common its operator takes the classes to be", async () => {
      const { page } = open;
      await page.click("#tab-answers");
      const [download] = await Promise.all([page.waitForEvent("download"), page.click("#answers-json")]);
      const said = JSON.parse(readFileSync(await download.path(), "utf8"));
      const { version } = (await (await fetch(`${served.url}/v2`)).json()) as { version: string };
      expect(said).toMatchObject({ server: new URL(page.url()).host, version, prevalence: [0.2, 0.3, 0.5] });
      await page.click("#tab-result");
    });

    it("that begins anew is waited for, and images are sent again", async () => {
      const { page } = open;
      await served.stop();
      proxy.target = undefined;
      await page.setInputFiles("#file-input", join(stage().scans, "fundus", "fundus-2.png"));
      await notice(/does not answer: going on in 3 seconds/);
      await behind();
      await allAnswered(page, 3);
      expect(await page.textContent("#notice")).toBe("");
    });

    it("that has keys now asks for one where it is typed; what no browser sends is said to be no key", async () => {
      const { page } = open;
      await served.stop();
      await behind("--keys-file", "keys.json");
      await page.setInputFiles("#file-input", join(stage().scans, "fundus", "fundus-3.png"));
      await notice(/wants a key/);
      expect(await page.isVisible("#server-key")).toBe(true);
      await page.fill("#server-key", "ключ клиники");
      await page.click("#apply-classes");
      await notice(/A key has Latin letters/);
      await page.fill("#server-key", KEY);
      await page.click("#apply-classes");
      await allAnswered(page, 4);
      const sent = (await page.evaluate(() => (globalThis as unknown as { kept: Sent[] }).kept)).filter(({ path }) =>
        path.includes("/v1/"),
      );
      expect(new Set(sent.map(({ path }) => path))).toEqual(new Set([`${PATH}v1/served`, `${PATH}v1/classify`]));
      expect(JSON.stringify(sent)).not.toContain("Doe");
    });

    it("is told from a page to sign in that answers in its place", async () => {
      const { page } = open;
      proxy.instead = { status: 200, body: "<h1>Sign in</h1>" };
      await page.setInputFiles("#file-input", join(stage().scans, "fundus", "fundus-4.png"));
      await notice(/something else answers in its place/);
    });
  });
}

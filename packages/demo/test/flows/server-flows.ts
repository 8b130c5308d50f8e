// "This server" as a person meets it: a real `biovlm serve` gives the page and answers its images once that is chosen, with a key and without.
// Registers tests; page-server.test.ts runs them in its browser.

import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { golden } from "@biovlm/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { call } from "../../../cli/test/call.js";
import { type Served, serve } from "../../../cli/test/served.js";
import { allAnswered, type OpenPage, picture, ready, type Stage, typeClasses } from "../page-under-test.js";
import { builtPage } from "../served-page.js";
import { brokenRules } from "./axe-flows.js";

/** Keeps what the page sends: where to, with which key, and every part of a form. */
export const KEEP_SENT = () => {
  const kept: { path: string; key: string; parts: { name: string; file: string; text: string }[] }[] = [];
  Object.assign(globalThis, { kept });
  const send = globalThis.fetch;
  globalThis.fetch = async (input, init) => {
    const parts: { name: string; file: string; text: string }[] = [];
    if (init?.body instanceof FormData)
      for (const [name, value] of init.body.entries())
        parts.push(
          typeof value === "string"
            ? { name, file: "", text: value }
            : {
                name,
                file: value.name,
                text: Array.from(new Uint8Array(await value.arrayBuffer()), (byte) => String.fromCharCode(byte)).join(""),
              },
        );
    const key = new Headers(init?.headers).get("Authorization") ?? "";
    kept.push({ path: new URL(String(input instanceof Request ? input.url : input), location.href).pathname, key, parts });
    return send(input, init);
  };
};

/** One request of the page. */
export type Sent = {
  readonly path: string;
  readonly key: string;
  readonly parts: readonly { readonly name: string; readonly file: string; readonly text: string }[];
};

export function serverFlows(stage: () => Stage): void {
  describe("this server", () => {
    const phantoms = dirname(golden("dicom/oracle.tsv"));
    let open: OpenPage;
    let served: Served;
    let scans: string;

    /** Serves the page under test beside the model. */
    async function serveWithPage(...words: string[]): Promise<Served> {
      builtPage.folder = stage().dist;
      const server = await serve(words, scans);
      return { ...server, url: `${server.url}/` };
    }

    /** A page of a server, which keeps what it sends from its first request on. */
    async function watched(url: string): Promise<OpenPage> {
      const page = await stage().open({ url });
      await page.page.addInitScript(KEEP_SENT);
      await page.page.reload();
      await ready(page.page);
      await page.page.waitForSelector("label:has(#class-kind-server):not([hidden])");
      return page;
    }
    const sent = ({ page }: OpenPage) => page.evaluate(() => (globalThis as unknown as { kept: Sent[] }).kept);
    const asked = async (of: OpenPage) => (await sent(of)).map(({ path }) => path).filter((path) => path.startsWith("/v1/"));

    beforeAll(async () => {
      scans = join(stage().folder, "to-send");
      mkdirSync(scans, { recursive: true });
      copyFileSync(join(phantoms, "ct_signed_16_window.dcm"), join(scans, "Doe^Jane.dcm"));
      for (const kind of ["chest-xray", "fundus"]) copyFileSync(join(stage().scans, kind, `${kind}-1.png`), join(scans, `${kind}.png`));
      served = await serveWithPage("--dataset", "busi");
      open = await watched(served.url);
    }, 120_000);
    afterAll(async () => {
      expect(open?.external).toEqual([]);
      await open?.close();
      await served?.stop();
    });
    const files = () => ["Doe^Jane.dcm", "chest-xray.png", "fundus.png"].map((name) => join(scans, name));

    it("is asked nothing while the page answers by itself, and what it serves once a person looks at the choice; nothing is sent yet", async () => {
      const { page } = open;
      await page.setInputFiles("#file-input", files());
      await typeClasses(page, ["brain CT", "fundus"]);
      await allAnswered(page, 3);
      expect(await asked(open)).toEqual([]);
      expect(await page.textContent("#leaves")).toBe("Nothing leaves this page.");
      await page.check("#class-kind-server");
      await page.waitForSelector("#server-bank option", { state: "attached" });
      expect(await asked(open)).toEqual(["/v1/served"]);
      expect(await page.textContent("#server-consent")).toContain(`Images are then sent to ${new URL(served.url).host}`);
      expect(await page.isVisible("#server-key")).toBe(false);
      await page.evaluate(() => scrollTo(0, 0));
      await picture(page, "server-choice");
    });

    it("answers as the command line does, DICOM from the pixels shown; no file's name and no header goes along, and exports name its digests", async () => {
      const { page } = open;
      await page.click("#apply-classes");
      await page.waitForFunction(() => /answered by/.test(document.querySelector("#bank-summary")?.textContent ?? ""));
      await allAnswered(page, 3);
      expect(await page.$$(".tile.failed")).toHaveLength(0);
      expect(await page.textContent("#leaves")).toBe(`Images are sent to ${new URL(served.url).host} and answered there.`);
      await page.click("#tab-answers");
      const [download] = await Promise.all([page.waitForEvent("download"), page.click("#answers-json")]);
      const path = join(stage().folder, "server-answers.json");
      await download.saveAs(path);
      const json = JSON.parse(readFileSync(path, "utf8")) as {
        readonly server: string;
        readonly model: { readonly digest: string };
        readonly bank: { readonly digest: string; readonly prompts: string[] };
        readonly images: readonly { file: string; predictions: unknown[]; kept: { prompt: number; entropy: number }[] }[];
      };
      const said = await call(["classify", ...files(), "--dataset", "busi", "--device", "cpu", "--threads", "1", "--json"]);
      expect(said, said.err).toMatchObject({ code: 0 });
      type Line = { file: string; predictions: unknown[]; kept: { prompt: number; entropy: number }[] };
      const byName = ({ file, predictions, kept }: Line) => [basename(file), { predictions, kept }] as const;
      const lines = JSON.parse(said.out) as Line[];
      const theirs = lines.map((line) => ({ ...line, kept: line.kept.map(({ prompt, entropy }) => ({ prompt: prompt + 1, entropy })) }));
      expect(theirs).toHaveLength(3);
      expect(Object.fromEntries(json.images.map(byName))).toEqual(Object.fromEntries(theirs.map(byName)));
      const { models } = (await (await fetch(`${served.url}v1/served`)).json()) as {
        models: { digest: string; banks: { digest: string }[] }[];
      };
      expect([json.server, json.model.digest, json.bank.digest]).toEqual([
        new URL(served.url).host,
        models[0]?.digest,
        models[0]?.banks[0]?.digest,
      ]);
      expect(json.bank.prompts[0]).not.toMatch(/^prompt /);

      const forms = (await sent(open)).filter(({ path }) => path === "/v1/classify");
      const images = forms.flatMap(({ parts }) => parts.filter(({ name }) => name === "image"));
      expect(images.map(({ file }) => file)).toEqual(["image", "image", "image"]);
      const bodies = JSON.stringify(forms);
      for (const word of ["Doe", "Jane", "DICM", "fundus.png"]) expect(bodies).not.toContain(word);
      const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
      const own = files()
        .slice(1)
        .map((file) => sha256(readFileSync(file)));
      const hashes = images.map(({ text }) => sha256(Buffer.from(text, "latin1")));
      expect(hashes.filter((hash) => own.includes(hash))).toHaveLength(2);

      await page.click("#tab-result");
      await page.click('.tile:has-text("fundus.png")');
      await page.waitForSelector(".bars");
      expect(await page.isVisible(".occlusion")).toBe(false);
      expect(await page.textContent(".by-model")).toContain(new URL(served.url).host);
      await page.evaluate(() => scrollTo(0, 0));
      await picture(page, "server-result");
      expect(await brokenRules(page)).toEqual([]);
      await page.emulateMedia({ colorScheme: "light", forcedColors: "none" });
    });

    it("is asked nothing more once other classes are used, nor after a reload", async () => {
      const { page } = open;
      await typeClasses(page, ["brain CT", "fundus"]);
      await allAnswered(page, 3);
      const before = (await asked(open)).length;
      await page.setInputFiles("#file-input", join(stage().scans, "fundus", "fundus-2.png"));
      await allAnswered(page, 4);
      expect((await asked(open)).length).toBe(before);
      expect(await page.textContent("#leaves")).toBe("Nothing leaves this page.");
      expect(await page.isVisible(".occlusion")).toBe(true);
      await page.check("#class-kind-server");
      await page.waitForSelector("#server-bank option", { state: "attached" });
      await page.click("#apply-classes");
      await page.waitForFunction(() => /answered by/.test(document.querySelector("#bank-summary")?.textContent ?? ""));
      await page.reload();
      await ready(page);
      await page.setInputFiles("#file-input", files());
      await allAnswered(page, 3);
      expect(await asked(open)).toEqual([]);
      expect(await page.isChecked("#class-kind-server")).toBe(false);
      expect(open.complaints).toEqual([]);
    });

    it("that is gone is said in words, and the page goes on by itself", async () => {
      const { page } = open;
      await page.check("#class-kind-server");
      await page.waitForSelector("#server-bank option", { state: "attached" });
      await served.stop();
      await page.click("#apply-classes");
      await page.waitForFunction(() => /does not answer/.test(document.querySelector("#notice")?.textContent ?? ""));
      await typeClasses(page, ["brain CT", "fundus", "ultrasound"]);
      await allAnswered(page, 3);
    });

    it("with keys answers who types one, which stays in the tab's memory; a wrong one is said beside its field", async () => {
      const key = "a key of the clinic's";
      const sha256 = createHash("sha256").update(key.replaceAll(" ", "-")).digest("hex");
      writeFileSync(join(scans, "keys.json"), JSON.stringify([{ name: "clinic", sha256, scopes: ["infer"] }]));
      const keyed = await serveWithPage("--class", "brain CT", "--class", "fundus", "--keys-file", "keys.json");
      const own = await watched(keyed.url);
      const { page } = own;
      try {
        await page.setInputFiles("#file-input", files());
        await page.fill("#class-names", "kept classes");
        await page.check("#class-kind-server");
        expect(await asked(own)).toEqual([]);
        await page.click("#apply-classes");
        expect(await page.textContent("#server-bank-error")).toContain("Type the key");
        await page.fill("#server-key", "another");
        await page.click("#server-ask");
        await page.waitForFunction(() => /does not know this key/.test(document.querySelector("#server-bank-error")?.textContent ?? ""));
        await page.fill("#server-key", key.replaceAll(" ", "-"));
        await page.click("#server-ask");
        await page.waitForSelector("#server-bank option", { state: "attached" });
        await page.evaluate(() => scrollTo(0, 0));
        await picture(page, "server-key");
        expect(await brokenRules(page)).toEqual([]);
        await page.emulateMedia({ colorScheme: "light", forcedColors: "none" });
        await page.click("#apply-classes");
        await allAnswered(page, 3);
        expect(await page.$$(".tile.failed")).toHaveLength(0);
        const said = await call(["classify", files()[2] ?? "", "--class", "brain CT", "--class", "fundus", "--device", "cpu", "--json"]);
        expect(await page.$$eval(".tile .said", (list) => list.at(-1)?.textContent)).toContain(
          (JSON.parse(said.out) as { predictions: { class: string }[] }[])[0]?.predictions[0]?.class ?? "none",
        );
        const where = await page.evaluate(async () => {
          const bases = await indexedDB.databases();
          const texts = [JSON.stringify(localStorage), JSON.stringify(sessionStorage), document.cookie];
          for (const { name = "" } of bases) {
            const base = await new Promise<IDBDatabase>((done) => {
              const request = indexedDB.open(name);
              request.onsuccess = () => done(request.result);
            });
            for (const store of base.objectStoreNames)
              texts.push(
                await new Promise<string>((done) => {
                  const request = base.transaction(store).objectStore(store).getAll();
                  request.onsuccess = () => done(JSON.stringify(request.result));
                }),
              );
            base.close();
          }
          return texts.join("\n");
        });
        expect(where).toContain("kept classes");
        expect(where).not.toContain(key.replaceAll(" ", "-"));
        await page.reload();
        await ready(page);
        expect(await page.inputValue("#server-key")).toBe("");
        // the browser itself says a refusal's status
        expect(own.complaints.filter((line) => !/401/.test(line))).toEqual([]);
      } finally {
        await own.close();
        await keyed.stop();
      }
    }, 60_000);
  });
}

// Structured reports from the command line, into a folder and into an archive: checked by dciodvfy and dsrdump, stored in a real Orthanc.

import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { authorizationOf, openArchive, readSourceImage } from "@biovlm/dicomweb";
import { golden, Orthanc, withoutProgram } from "@biovlm/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { call, folder, writePhantoms } from "./call.js";

interface Element {
  readonly file: string;
  readonly sha256: string;
  readonly predictions: readonly { readonly class: string; readonly probability: number }[];
  readonly report?: { readonly file?: string; readonly stored?: true; readonly error?: { readonly code: string } };
  readonly error?: { readonly code: string };
}
const elements = (out: string) => JSON.parse(out) as Element[];
const bytesOf = (name: string) => readFileSync(golden(`dicom/${name}.dcm`));

/** A folder with two images of one study and a classes file, one class of which has a code. */
function study(name: string): string {
  const place = folder(name);
  mkdirSync(join(place, "in"));
  for (const image of ["window_linear", "enhanced_window_per_frame"]) copyFileSync(golden(`dicom/${image}.dcm`), join(place, "in", image));
  const code = { value: "86049000", scheme: "SCT", meaning: "Malignant neoplasm, primary" };
  writeFileSync(join(place, "classes.json"), JSON.stringify(["head CT", { name: "chest X-ray", code }]));
  return place;
}
const WORDS = ["--classes-file", "classes.json", "--json"];
const classify = (place: string, ...words: string[]) => call(["classify", ...words, ...WORDS], { cwd: place });

describe("classify --sr", () => {
  it("writes a report for each image, the same file again, with the codes of the classes file", async () => {
    const place = study("reports");
    const first = await classify(place, "in", "--sr", "out");
    expect(first.code, first.err).toBe(0);
    const rows = elements(first.out);
    const written = readdirSync(join(place, "out")).sort();
    expect(rows.map(({ report }) => report?.file).sort()).toEqual(written.map((name) => join("out", name)));
    expect(written).toHaveLength(2);
    const again = await classify(place, "in", "--sr", "out");
    expect(elements(again.out).map(({ report }) => report)).toEqual(rows.map(({ report }) => report));
    expect(readdirSync(join(place, "out")).sort()).toEqual(written);
    expect(`${first.out}${first.err}`).not.toMatch(/SYNTHETIC|PHANTOM/);
  });

  it.skipIf(withoutProgram("dciodvfy") || withoutProgram("dsrdump"))(
    "dciodvfy finds no error in them, dsrdump prints finding and frame",
    async () => {
      const place = study("checked");
      const rows = elements((await classify(place, "in", "--sr", "out")).out);
      for (const { file, report, predictions } of rows) {
        const path = join(place, report?.file ?? "");
        expect(spawnSync("dciodvfy", [path], { encoding: "utf8" }).stderr).not.toMatch(/^Error/m);
        const { stdout, status } = spawnSync("dsrdump", [path], { encoding: "utf8" });
        expect(status).toBe(0);
        expect(stdout).toContain("BioVLM answers, research use only");
        const finding = predictions[0]?.class === "chest X-ray" ? '(86049000,SCT,"Malignant neoplasm, primary")' : '99BIOVLM,"head CT")';
        expect(stdout.replaceAll(/\s+/g, " ")).toContain(finding);
        expect(stdout).toMatch(file.includes("enhanced") ? /\(CTe image,,2\)/ : /\([A-Z]+ image,\)/);
      }
    },
  );

  it("says which image has no report, and why; the answer stands", async () => {
    const place = study("mixed");
    const [png = ""] = writePhantoms(place, 1);
    const { code, out } = await classify(place, "in", png, "--sr", "out");
    expect(code).toBe(6);
    const row = elements(out).find(({ file }) => file === png);
    expect(row?.predictions).toHaveLength(2);
    expect(row?.report?.error?.code).toBe("not_dicom");
    const text = await call(["classify", png, "--class", "a", "--class", "b", "--sr", "out"], { cwd: place });
    expect([text.code, text.err]).toEqual([6, expect.stringContaining("no report: error[not_dicom]")]);
  });

  it("refuses a classes file of another form by the class that is wrong", async () => {
    const place = study("codes");
    for (const bad of ["[1]", '[{"name":""}]', '[{"name":"a","cod":{}}]', '[{"name":"a","code":{"value":"1"}}]']) {
      writeFileSync(join(place, "classes.json"), bad);
      const { code, err } = await classify(place, "in");
      expect([code, err]).toEqual([2, expect.stringContaining("classes.json, class 1")]);
    }
  });
});

describe("classify --dicomweb", () => {
  it("refuses what does not go together before anything is asked", async () => {
    const place = study("options");
    const url = "http://127.0.0.1:9/dicom-web";
    for (const [words, said] of [
      [["in", "--dicomweb", url, "--study", "1.2"], "no files"],
      [["--dicomweb", url], "--study"],
      [["in", "--store"], "--dicomweb"],
      [["in", "--study", "1.2"], "--dicomweb"],
    ] as const) {
      const { code, err } = await classify(place, ...words);
      expect([code, err]).toEqual([2, expect.stringContaining(said)]);
    }
  });

  it("reads at most so many images at once, each in its turn, and names those that are not there", async () => {
    const image = bytesOf("window_linear");
    let [now, most] = [0, 0];
    const server = createServer(async (request, response) => {
      if (!request.url?.includes("/instances/")) {
        const row = (n: number) => ({ "00080018": { vr: "UI", Value: [`2.25.${n}`] }, "0020000E": { vr: "UI", Value: ["2.25.7"] } });
        response.writeHead(200, { "content-type": "application/dicom+json" });
        return response.end(JSON.stringify(Array.from({ length: 12 }, (_, n) => row(n + 1))));
      }
      most = Math.max(most, ++now);
      await delay(5);
      now--;
      if (request.url.endsWith("/2.25.5")) return response.writeHead(404).end();
      return response.writeHead(200, { "content-type": "application/dicom" }).end(image);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/dicom-web`;
      const { code, out } = await classify(study("bounded"), "--dicomweb", url, "--study", "1.2", "--in-flight", "2");
      expect(code).toBe(6);
      const rows = elements(out);
      expect(rows.map(({ file }) => file)).toEqual([1, 10, 11, 12, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => `2.25.7/2.25.${n}`));
      expect(rows.filter(({ error }) => error !== undefined)).toMatchObject([{ file: "2.25.7/2.25.5", error: { code: "not_found" } }]);
      expect(most).toBe(2);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

describe.skipIf(withoutProgram("Orthanc"))("a real archive", () => {
  const orthanc = new Orthanc();
  beforeAll(() => orthanc.start(), 60_000);
  afterAll(async () => {
    await orthanc.end();
    orthanc.remove();
  });

  it("its images are answered as the files are, reports are found under the study, also after a restart, and never twice", async () => {
    const place = study("archive");
    writeFileSync(join(place, "auth"), `${orthanc.credentials}\n`);
    const archive = openArchive({ url: orthanc.url, authorization: authorizationOf(orthanc.credentials) });
    const images = ["window_linear", "enhanced_window_per_frame"].map(bytesOf);
    await archive.store(images);
    const { study: uid } = readSourceImage(images[0] ?? Buffer.alloc(0));
    const words = ["--dicomweb", orthanc.url, "--study", uid, "--dicomweb-auth", "auth", "--store"];
    const first = await classify(place, ...words);
    expect(first.code, first.out).toBe(0);
    const told = (out: string) => elements(out).map(({ sha256, predictions }) => JSON.stringify({ sha256, predictions }));
    expect(told(first.out).sort()).toEqual(told((await classify(place, "in")).out).sort());
    await orthanc.end();
    await orthanc.start();
    const again = await classify(place, ...words);
    expect(again.code, again.err).toBe(0);
    expect(again.err).toContain("left out: 2 × a structured report");
    expect(told(again.out)).toEqual(told(first.out));
    const found = await archive.findInstances(uid);
    expect(found.filter(({ modality }) => modality === "SR")).toHaveLength(2);
    expect(`${first.out}${first.err}`).not.toMatch(/SYNTHETIC|PHANTOM|ann|pw/);
    writeFileSync(join(place, "two-lines"), "a\nb\n");
    const refused = await call(["classify", ...words.with(5, "two-lines"), ...WORDS], { cwd: place });
    expect(refused.err).toContain("one line, a token or USER:PASSWORD");
  });
});

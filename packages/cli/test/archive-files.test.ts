// Real DICOM files through a real archive: whatever Orthanc stores is answered as the file itself is, and has one report, over a restart.

import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { authorizationOf, openArchive, readSourceImage } from "@biovlm/dicomweb";
import { Orthanc, skipUnlessShared, soak, withoutProgram } from "@biovlm/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { call, folder } from "./call.js";

interface Element {
  readonly sha256?: string;
  readonly predictions?: readonly object[];
  readonly error?: { readonly code: string };
}

const root = skipUnlessShared("data/images/dicom");
const CLASSES = ["head CT", "chest X-ray"].flatMap((name) => ["--class", name]);
/** Studies of a usual run; all of them with BIOVLM_SOAK=1. */
const STUDIES = 4;

describe.skipIf(root === undefined || withoutProgram("Orthanc"))("DICOM files in an archive", () => {
  const orthanc = new Orthanc();
  beforeAll(() => orthanc.start(), 60_000);
  afterAll(async () => {
    await orthanc.end();
    orthanc.remove();
  });

  it("are answered as the files are, each with one report, also after a restart", { timeout: soak ? 1_800_000 : 240_000 }, async () => {
    const place = folder("archive-files");
    writeFileSync(join(place, "auth"), `${orthanc.credentials}\n`);
    const open = () => openArchive({ url: orthanc.url, authorization: authorizationOf(orthanc.credentials) });
    const direct = new Map<string, string>();
    const answers = async (words: readonly string[]) => {
      const { code, out, err } = await call(["classify", ...words, ...CLASSES, "--json", "--device", "wasm"], { cwd: place });
      expect([0, 1, 6], err).toContain(code);
      return (JSON.parse(out) as Element[]).map(({ sha256, predictions, error }) => ({
        sha256,
        told: JSON.stringify(predictions ?? error?.code),
      }));
    };
    // what the archive has of each study, by the files' digests; of one instance in several syntaxes it keeps the first
    const stored = new Map<string, Set<string>>();
    const instances = new Set<string>();
    const files = readdirSync(root ?? "", { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const refused: string[] = [];
    const kept: string[] = [];
    for (const entry of files.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const bytes = readFileSync(join(entry.parentPath, entry.name));
      try {
        const { study, sopInstance } = readSourceImage(bytes);
        if (!stored.has(study) && stored.size === STUDIES && !soak) continue;
        await open().store([bytes]);
        if (instances.has(sopInstance)) continue;
        instances.add(sopInstance);
        stored.set(study, (stored.get(study) ?? new Set()).add(createHash("sha256").update(bytes).digest("hex")));
        kept.push(join(entry.parentPath, entry.name));
      } catch (error) {
        const { code } = error as { code?: unknown };
        if (typeof code !== "string") throw error;
        refused.push(code);
      }
    }
    for (const { sha256, told } of await answers(kept)) direct.set(sha256 ?? "", told);
    expect(stored.size).toBeGreaterThanOrEqual(STUDIES);
    const reports = new Map<string, number>();
    const ask = async (study: string) => {
      const told = await answers(["--dicomweb", orthanc.url, "--study", study, "--dicomweb-auth", "auth", "--store"]);
      const digests = stored.get(study) ?? new Set();
      for (const { sha256 = "", told: got } of told) expect([sha256, got]).toEqual([sha256, direct.get(sha256)]);
      // a dose or a segmentation is left out, as no picture
      const pictures = [...digests].filter(
        (digest) => direct.get(digest) !== '"not_an_image"' || told.some(({ sha256 }) => sha256 === digest),
      );
      expect(told.map(({ sha256 }) => sha256).sort()).toEqual(pictures.sort());
      const found = await open().findInstances(study);
      return found.filter(({ modality }) => modality === "SR").length;
    };
    const studies = [...stored.keys()];
    for (const study of studies) reports.set(study, await ask(study));
    expect([...reports.values()].reduce((a, b) => a + b, 0)).toBeGreaterThan(0);
    await orthanc.end();
    await orthanc.start();
    for (const study of studies) expect(await ask(study)).toBe(reports.get(study));
    console.log(`${instances.size} instances of ${studies.length} studies; ${refused.length} files not stored`);
  });
});

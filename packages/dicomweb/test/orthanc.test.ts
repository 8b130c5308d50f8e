// A real archive: Orthanc with its DICOMweb plugin, started here with a folder of its own. Files go in as they are and come out unchanged;
// a report is stored and found under its study, also after a restart, and never twice.

import { readFileSync } from "node:fs";
import { golden, Orthanc, withoutProgram } from "@biovlm/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { authorizationOf, openArchive, readSourceImage, structuredReport } from "../src/index.js";

const file = (name: string) => readFileSync(golden(`dicom/${name}`));

describe.skipIf(withoutProgram("Orthanc"))("Orthanc", () => {
  const orthanc = new Orthanc();
  beforeAll(() => orthanc.start(), 60_000);
  afterAll(async () => {
    await orthanc.end();
    orthanc.remove();
  });

  const archive = (authorization = authorizationOf(orthanc.credentials)) =>
    openArchive({ url: orthanc.url, authorization, backoffMs: 50, tries: 12 });

  it("takes files, lists them and gives back the bytes that were stored", async () => {
    const files = [file("window_linear.dcm"), file("enhanced_window_per_frame.dcm")];
    await archive().store(files);
    const found = await archive().findInstances("2.25.4242.100");
    expect(found.map(({ instance }) => instance).sort()).toEqual(files.map((bytes) => readSourceImage(bytes).sopInstance).sort());
    for (const reference of found) {
      const stored = files.find((bytes) => readSourceImage(bytes).sopInstance === reference.instance);
      expect(Buffer.from(await archive().readInstance(reference)).equals(stored ?? Buffer.alloc(0))).toBe(true);
    }
  });

  it("stores a report under the study of its image; again, and after a restart, it is still one", async () => {
    const source = readSourceImage(file("window_linear.dcm"));
    const author = { model: "tiny", modelDigest: `sha256:${"ab".repeat(32)}`, version: "0.1.0" };
    const report = structuredReport([{ source, classes: [{ name: "benign", probability: 0.75 }] }], author, new Date(0));
    await archive().store([report.bytes]);
    await orthanc.end();
    await Promise.all([archive().store([report.bytes]), orthanc.start()]);
    const reports = (await archive().findInstances(source.study)).filter(({ modality }) => modality === "SR");
    expect(reports.map(({ instance, series }) => ({ instance, series }))).toEqual([
      { instance: report.sopInstance, series: report.series },
    ]);
    expect(reports[0]?.sopClass).toBe("1.2.840.10008.5.1.4.1.1.88.33");
  });

  it("refuses wrong credentials and unknown studies by name", async () => {
    await expect(archive("Bearer wrong").findInstances("2.25.4242.100")).rejects.toMatchObject({ code: "refused" });
    await expect(archive().findInstances("2.25.1")).rejects.toMatchObject({ code: "not_found" });
  });

  it("says what it does not take", async () => {
    await expect(archive().store([Buffer.from("no DICOM")])).rejects.toMatchObject({ code: expect.stringMatching(/not_stored|refused/) });
  });
});

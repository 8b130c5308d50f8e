// The report as a file: equal to highdicom's tree, without error for dciodvfy, printed by dsrdump, the same bytes for the same answers.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cases, golden, mutations, withoutProgram } from "@biovlm/testkit";
import { describe, expect, it, vi } from "vitest";
import { readDataset } from "../src/dicom-library.js";
import {
  checkCode,
  classCode,
  DicomwebError,
  type ImageAnswer,
  probabilityCode,
  readSourceImage,
  reportContent,
  structuredReport,
} from "../src/index.js";

const file = (name: string) => readFileSync(golden(`dicom/${name}`));
const author = { model: "tiny", modelDigest: `sha256:${"ab".repeat(32)}`, bankDigest: `sha256:${"cd".repeat(32)}`, version: "0.1.0" };
const when = new Date(Date.UTC(2026, 0, 2, 3, 4, 5));
const answers = (): ImageAnswer[] => [
  {
    source: readSourceImage(file("window_linear.dcm")),
    classes: [
      { name: "bösartig", probability: 0.1 + 0.2, code: { value: "86049000", scheme: "SCT", meaning: "Malignant neoplasm, primary" } },
      { name: "benign", probability: 1e-12 },
    ],
  },
  { source: readSourceImage(file("enhanced_window_per_frame.dcm")), frame: 2, classes: [{ name: "benign", probability: 1 }] },
];

/** The data set of a written file, by keyword. */
function readBack(bytes: Uint8Array): Record<string, unknown> {
  return readDataset(new Uint8Array(bytes).buffer);
}

function onDisk(bytes: Uint8Array, look: (path: string) => void) {
  const folder = mkdtempSync(join(tmpdir(), "biovlm-report-"));
  try {
    writeFileSync(join(folder, "report.dcm"), bytes);
    look(join(folder, "report.dcm"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe("content", () => {
  it("is highdicom's tree for the same answers", () => {
    const { input, content } = JSON.parse(readFileSync(golden("structured_report.json"), "utf8"));
    const device = {
      uid: input.device.uid,
      name: input.device.name,
      manufacturer: input.device.manufacturer,
      model: input.device.model,
      version: input.device.serial,
      parameters: input.algorithm.parameters,
    };
    const reported = input.answers.map((answer: { finding?: object; classes: object[] }) => ({
      ...answer,
      classes: answer.classes.map((c, index) => (index === 0 && answer.finding !== undefined ? { ...c, code: answer.finding } : c)),
    }));
    expect(reportContent(reported, device)).toEqual(content);
  });

  it("refuses an answer without classes and a code that no file can hold", () => {
    const device = { uid: "2.25.1", name: "n", manufacturer: "m", model: "x", version: "1", parameters: [] };
    const answer = { sopClass: "1.2", sopInstance: "2.25.3", trackingId: "t", trackingUid: "2.25.4" };
    expect(() => reportContent([{ ...answer, classes: [] }], device)).toThrow(expect.objectContaining({ code: "bad_argument" }));
    for (const bad of ["", "   ", "a\\b", "a\nb", "x".repeat(17)]) {
      expect(() => checkCode({ value: bad, scheme: "SCT", meaning: "m" }), JSON.stringify(bad)).toThrow(/1 to 16 characters/);
    }
  });

  it("gives every class name codes of its own that fit, however long it is", () => {
    for (const name of ["benign", "Benign", "𝒷".repeat(100), "a".repeat(300)]) {
      expect(checkCode(classCode(name))).toEqual(classCode(name));
      expect(checkCode(probabilityCode(name))).toEqual(probabilityCode(name));
    }
    expect(classCode("benign").value).not.toBe(classCode("Benign").value);
  });
});

describe("file", () => {
  it("repeats patient and study, names its images, and says that it is preliminary", () => {
    const dataset = readBack(structuredReport(answers(), author, when).bytes);
    expect(dataset).toMatchObject({
      SOPClassUID: "1.2.840.10008.5.1.4.1.1.88.33",
      PatientID: "SYN",
      StudyInstanceUID: "2.25.4242.100",
      Modality: "SR",
      PreliminaryFlag: "PRELIMINARY",
      VerificationFlag: "UNVERIFIED",
      CompletionFlag: "PARTIAL",
      ContentDate: "20260102",
      ContentTime: "030405",
    });
    const [study] = dataset["CurrentRequestedProcedureEvidenceSequence"] as { ReferencedSeriesSequence: { SeriesInstanceUID: string }[] }[];
    expect(study?.ReferencedSeriesSequence).toHaveLength(2);
    const text = new TextDecoder().decode(structuredReport(answers(), author, when).bytes);
    for (const said of ["Research use only, not a medical device", author.modelDigest, author.bankDigest, "Probability of bösartig"])
      expect(text).toContain(said);
  });

  it("is the same for the same answers, but for the time; other answers have other UIDs", () => {
    const first = structuredReport(answers(), author, when);
    expect(structuredReport(answers(), author, when).bytes).toEqual(first.bytes);
    expect(structuredReport(answers(), author, new Date(0)).sopInstance).toBe(first.sopInstance);
    expect(structuredReport(answers().slice(0, 1), author, when).sopInstance).not.toBe(first.sopInstance);
    expect(structuredReport(answers(), { ...author, bankDigest: undefined }, when).sopInstance).not.toBe(first.sopInstance);
    expect(first.sopInstance).toMatch(/^2\.25\.[1-9]\d{30,38}$/);
  });

  it("is refused for no answers and for two studies", () => {
    const [one, two] = answers();
    expect(() => structuredReport([], author, when)).toThrow(expect.objectContaining({ code: "bad_argument" }));
    const elsewhere = { ...one, source: { ...one?.source, study: "2.25.5" } } as ImageAnswer;
    expect(() => structuredReport([two as ImageAnswer, elsewhere], author, when)).toThrow(/one study/);
  });

  it.skipIf(withoutProgram("dciodvfy"))("passes dciodvfy without an error", () => {
    onDisk(structuredReport(answers(), author, when).bytes, (path) => {
      const { stderr, stdout } = spawnSync("dciodvfy", [path], { encoding: "utf8" });
      expect(`${stdout}${stderr}`).toContain("ComprehensiveSR");
      expect(`${stdout}${stderr}`).not.toMatch(/^Error/m);
    });
  });

  it.skipIf(withoutProgram("dsrdump"))("is printed by dsrdump", () => {
    onDisk(structuredReport(answers(), author, when).bytes, (path) => {
      const { status, stdout } = spawnSync("dsrdump", [path], { encoding: "utf8" });
      expect(status).toBe(0);
      expect(stdout).toContain('NUM:(,,"Probability of bösartig")="0.3" (1,UCUM,"no units")');
      expect(stdout).toContain('(86049000,SCT,"Malignant neoplasm, primary")');
    });
  });
});

describe("source image", () => {
  it("is read with and without preamble and group 0002", () => {
    const whole = file("window_linear.dcm");
    const read = readSourceImage(whole);
    expect(read).toMatchObject({ sopInstance: "2.25.4242.1", study: "2.25.4242.100", sopClass: "1.2.840.10008.5.1.4.1.1.7" });
    expect(readSourceImage(whole.subarray(132))).toEqual(read);
  });

  it("of hostile bytes is a typed error that quotes nothing of them", () => {
    const canary = "SYNTHETIC";
    const printed = [vi.spyOn(console, "log"), vi.spyOn(console, "warn"), vi.spyOn(console, "error")];
    let refused = 0;
    for (const bytes of mutations(7, file("window_linear.dcm"), cases(5000, 10))) {
      try {
        readSourceImage(bytes);
      } catch (error) {
        refused++;
        expect(error).toBeInstanceOf(DicomwebError);
        expect(String(error)).not.toContain(canary);
        expect((error as DicomwebError).cause).toBeUndefined();
      }
    }
    expect(refused).toBeGreaterThan(0);
    for (const spy of printed) expect(spy).not.toHaveBeenCalled();
    vi.restoreAllMocks();
  });
});

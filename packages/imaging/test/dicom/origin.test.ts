// Where a DICOM file comes from, as digests: equal where patient, study or series are, and nothing that can be read.

import { dicomElement, dicomFile, greyPng } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { dicomOrigins } from "../../src/node/index.js";

const file = (patient: string, study: string, series: string) =>
  dicomFile("1.2.840.10008.1.2.1", [
    dicomElement("00080016", "UI", "1.2.840.10008.5.1.4.1.1.7"),
    dicomElement("00100020", "LO", patient),
    dicomElement("0020000D", "UI", study),
    dicomElement("0020000E", "UI", series),
  ]);

describe("the origin of a DICOM file", () => {
  it("is equal by patient, study and series apart, whatever pads the values", async () => {
    const read = (...words: Parameters<typeof file>) => dicomOrigins.read(file(...words));
    const one = await read("P-1", "1.2.3", "1.2.3.4");
    expect(await read("P-1  ", "1.2.3", "1.2.3.5")).toMatchObject({ patient: one?.patient, study: one?.study });
    const other = await read("P-2", "1.2.3", "1.2.3.4");
    expect([other?.patient === one?.patient, other?.study, other?.series]).toEqual([false, one?.study, one?.series]);
    // one text for two things is two things
    const alike = await read("1.2", "1.2", "1.2");
    expect(new Set(Object.values(alike ?? {})).size).toBe(3);
    expect(JSON.stringify([one, alike])).not.toMatch(/P-1|1\.2/);
    expect(await read("", "1.2.3", "1.2.3.4")).not.toHaveProperty("patient");
  });

  it("is asked of DICOM alone, known by its first bytes", async () => {
    const png = greyPng(40, 40, 16, (i) => i * 40);
    expect(await dicomOrigins.read(png)).toBeUndefined();
    const { headBytes } = dicomOrigins;
    const whole = file("P", "1.2", "1.3");
    const heads = [whole, whole.subarray(132), png].map((bytes) => dicomOrigins.applies(bytes.subarray(0, headBytes)));
    expect(heads).toEqual([true, true, false]);
  });
});

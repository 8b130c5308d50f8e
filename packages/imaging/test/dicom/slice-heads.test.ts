// Where a slice stands, from the beginning of its file alone: what the whole file says, whatever its transfer syntax, with little of it read.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { dicomElement, dicomFile, golden } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { findSlicePlace, readSlicePlace } from "../../src/node/index.js";

/** The place by the file's beginning, and the most bytes that were asked for at once. */
async function found(bytes: Uint8Array, maxBytes = 2 ** 26) {
  let most = 0;
  const place = await findSlicePlace(async (length) => {
    most = Math.max(most, length);
    return bytes.slice(0, length);
  }, maxBytes);
  return { place, most };
}

const folder = dirname(golden("dicom/oracle.tsv"));
const files = readdirSync(folder).filter((name) => name.endsWith(".dcm"));

/** A slice with so many bytes of something else before its place, and pixels behind. */
function slice(before: number): Uint8Array {
  return dicomFile("1.2.840.10008.1.2.1", [
    dicomElement("00080018", "UI", "2.25.9.1"),
    dicomElement("00091010", "OB", new Uint8Array(before)),
    dicomElement("0020000E", "UI", "2.25.1"),
    dicomElement("00200013", "IS", "7"),
    dicomElement("7FE00010", "OB", new Uint8Array(300_000)),
  ]);
}

describe("a slice's place by the beginning of its file", () => {
  it.each(files)("%s: as by the whole file", async (name) => {
    const bytes = new Uint8Array(readFileSync(join(folder, name)));
    expect((await found(bytes)).place).toEqual(await readSlicePlace(bytes));
  });

  it("reads no pixels, and further where the header is long", async () => {
    expect(await found(slice(10))).toMatchObject({ place: { series: "2.25.1", number: 7 }, most: 16_384 });
    expect(await found(slice(100_000))).toMatchObject({ place: { series: "2.25.1" }, most: 262_144 });
  });

  it("asks for no more than it may, and says what breaks off there", async () => {
    await expect(found(slice(100_000), 50_000)).rejects.toMatchObject({ code: "corrupt_image" });
    await expect(found(slice(100_000).subarray(0, 60_000))).rejects.toMatchObject({ code: "corrupt_image" });
  });

  it("is none of what is no DICOM, after one look", async () => {
    const { place, most } = await found(new Uint8Array(100_000).fill(80));
    expect([place, most]).toEqual([undefined, 16_384]);
    expect((await found(new Uint8Array(0))).place).toBeUndefined();
  });
});

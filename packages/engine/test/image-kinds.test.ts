// The table of kinds and what the decoder says that it reads are one list.

import { IMAGE_ENDINGS, IMAGE_KINDS, imageKinds, isImageName, mayBeDicom } from "@biovlm/files";
import { READ_FORMATS } from "@biovlm/imaging";
import { sharpDecoder } from "@biovlm/imaging/node";
import { describe, expect, it } from "vitest";

describe("kinds of images", () => {
  it("are those that the decoder reads, by the same names", () => {
    expect(READ_FORMATS).toBe(imageKinds("or"));
    expect(IMAGE_KINDS.map(({ name }) => name.toLowerCase().replace(" ", "-")).sort()).toEqual([...sharpDecoder().formats].sort());
  });

  it("are told by whole endings, in any case; a header of two files is no image of its own", () => {
    expect(new Set(IMAGE_ENDINGS).size).toBe(IMAGE_ENDINGS.length);
    for (const name of ["a.PNG", "a.b.nii.gz", "x.IMA", "a.pam"]) expect([name, isImageName(name)]).toEqual([name, true]);
    for (const name of ["png", "a.png.txt", "a.gz", "a.hdr", "a.nhdr"]) expect([name, isImageName(name)]).toEqual([name, false]);
    expect(["a.hdr", "a.jp2", "a.ima", "a.MR1", "7"].map(mayBeDicom)).toEqual([false, false, true, true, true]);
  });
});

// A DICOM file as a stack: frames by number, windows asked for, what is told of a frame, and what is refused in words.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { golden, skipUnlessShared, withoutProgram } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { wasmCodecs } from "../../src/dicom/codecs/wasm-codecs.js";
import { openDicom } from "../../src/dicom/dicom-image.js";
import { browserDecoder } from "../../src/index.js";
import { parseWindow, sharpDecoder } from "../../src/node/index.js";
import { installedCodecs } from "../../src/node/installed-codecs.js";

const decoder = sharpDecoder();
const phantom = (name: string) => new Uint8Array(readFileSync(golden(`dicom/${name}.dcm`)));

/** A phantom whose element `tag` (explicit VR, short form) holds `value` instead, of the same length. */
function changed(name: string, tag: readonly number[], value: string): Uint8Array {
  const bytes = Buffer.from(phantom(name));
  const at = bytes.indexOf(Buffer.from(tag));
  expect(at).toBeGreaterThan(0);
  bytes.fill(0, at + 8, at + 8 + bytes.readUInt16LE(at + 6));
  bytes.write(value.slice(0, bytes.readUInt16LE(at + 6)), at + 8, "latin1");
  return new Uint8Array(bytes);
}

describe("frames", () => {
  it("are read by number; decode gives the middle one, or the one asked for", async () => {
    const bytes = phantom("frames_3_min_max");
    const stack = await decoder.open(bytes);
    expect([stack.format, stack.frames]).toEqual(["dicom", 3]);
    const all = [await stack.frame(0), await stack.frame(1), await stack.frame(2)];
    expect(await decoder.decode(bytes)).toEqual(all[1]);
    expect(await decoder.decode(bytes, { frame: 2 })).toEqual(all[2]);
    expect(new Set(all.map(({ data }) => Buffer.from(data).toString("hex"))).size).toBe(3);
    for (const frame of [3, -1, 0.5]) await expect(decoder.decode(bytes, { frame })).rejects.toMatchObject({ code: "bad_option" });
  });

  it("are the same of a Buffer whose memory holds more than the file", async () => {
    for (const name of ["frames_3_min_max", "window_linear", "rgb_rle"]) {
      const bytes = phantom(name);
      const part = Buffer.concat([Buffer.alloc(1001, 7), bytes, Buffer.alloc(99, 7)]).subarray(1001, 1001 + bytes.length);
      expect(await decoder.decode(part)).toEqual(await decoder.decode(bytes));
    }
  });

  it("are the same in any order, and in a decoder for browsers", async () => {
    for (const name of ["frames_3_min_max", "frames_2_rle", "enhanced_window_per_frame", "deflated"]) {
      const forward = await decoder.open(phantom(name));
      const back = await browserDecoder().open(phantom(name));
      for (let index = forward.frames - 1; index >= 0; index--) expect(await back.frame(index)).toEqual(await forward.frame(index));
    }
  });

  it("of a codec are refused by name where a page gives no source of codecs", async (ctx) => {
    const folder = skipUnlessShared("data/images/dicom");
    if (folder === undefined) return ctx.skip("skipped: shared data absent");
    const bytes = new Uint8Array(readFileSync(join(folder, "pydicom/JPEG2000.dcm")));
    await expect(browserDecoder().decode(bytes)).rejects.toMatchObject({ code: "decoder_unavailable" });
  });
});

describe("window", () => {
  it("is the file's, unless one is asked for; min-max is over the whole file", async () => {
    const stack = await decoder.open(phantom("ct_signed_16_window"));
    expect((await stack.frame(0)).dicom?.window?.source).toBe("file");
    expect((await stack.frame(0, { window: "min-max" })).dicom?.window?.source).toBe("min-max");
    const asked = await stack.frame(0, { window: { center: 40, width: 400 } });
    expect(asked.dicom?.window).toEqual({ center: 40, width: 400, source: "asked" });
    const frames = await decoder.open(phantom("frames_3_min_max"));
    expect((await frames.frame(0)).dicom?.window).toEqual((await frames.frame(2)).dicom?.window);
  });

  it("is what decode shows grey in; colour and other formats it shows as they are", async () => {
    const asked = { window: "min-max" } as const;
    expect((await decoder.decode(phantom("ct_signed_16_window"), asked)).dicom?.window?.source).toBe("min-max");
    expect(await decoder.decode(phantom("rgb_planar"), asked)).toEqual(await decoder.decode(phantom("rgb_planar")));
  });

  it("is written as a preset, as numbers or as a word; anything else is refused with what there is", () => {
    expect(parseWindow("lung")).toEqual({ center: -600, width: 1500 });
    expect(parseWindow("-12.5/80")).toEqual({ center: -12.5, width: 80 });
    expect([parseWindow("min-max"), parseWindow("file")]).toEqual(["min-max", undefined]);
    for (const text of ["", "Lung", "40", "40/0", "40/0.5", "a/b", "1e3/5", "toString"]) {
      expect(() => parseWindow(text), text).toThrow(
        expect.objectContaining({ code: "bad_option", message: expect.stringContaining("mediastinum") }),
      );
    }
  });

  it("is refused for colour, and where it is none", async () => {
    const colour = await decoder.open(phantom("rgb_planar"));
    await expect(colour.frame(0, { window: "min-max" })).rejects.toMatchObject({ code: "bad_option" });
    const grey = await decoder.open(phantom("window_linear"));
    for (const window of [
      { center: 0, width: 0 },
      { center: Number.NaN, width: 5 },
      { center: 0, width: Number.POSITIVE_INFINITY },
    ]) {
      await expect(grey.frame(0, { window })).rejects.toMatchObject({ code: "bad_option" });
    }
  });
});

describe("what is told of a frame", () => {
  it("is its window, its modality and its syntax, and nothing of a patient", async () => {
    const { dicom } = await decoder.decode(phantom("mono1_window"));
    expect(dicom).toMatchObject({ frame: 1, frames: 1, modality: "OT", syntax: "1.2.840.10008.1.2.1", inverted: true });
    expect(JSON.stringify(dicom)).not.toMatch(/SYN|PHANTOM|2\.25\./);
  });

  it("takes no modality that is none: free text may be a name", async () => {
    const { dicom } = await decoder.decode(changed("window_linear", [0x08, 0, 0x60, 0, 0x43, 0x53], "x^"));
    expect(dicom?.modality).toBeUndefined();
  });

  it("says where names may be burned in", async () => {
    const { dicom } = await decoder.decode(changed("window_linear", [0x08, 0, 0x60, 0, 0x43, 0x53], "US"));
    expect(dicom?.notes).toEqual(["US often has names burned into the pixels; the file does not say"]);
  });
});

describe("refusals", () => {
  const SOP = [0x08, 0, 0x16, 0, 0x55, 0x49];
  it.each([
    ["1.2.840.10008.5.1.4.1.1.30", "a parametric map"],
    ["1.2.840.10008.5.1.4.1.1.66", "raw data"],
    ["1.2.840.10008.1.3.10", "a DICOMDIR"],
  ])("an object of SOP class %s is named as %s", async (uid, words) => {
    const refused = decoder.open(changed("window_linear", SOP, uid));
    await expect(refused).rejects.toMatchObject({ code: "not_an_image", message: expect.stringContaining(words) });
  });

  it.each([
    ["1.2.840.10008.1.2.4.104", "MPEG"],
    ["1.2.840.10008.1.2.4.107", "HEVC"],
    ["1.2.840.10008.1.2.4.110", "JPEG XL"],
    ["1.2.840.10008.1.2.9.9", "not read"],
  ])("transfer syntax %s is named as %s", async (uid, words) => {
    const meta = Buffer.from(phantom("window_linear"));
    const { joined } = await import("../../src/dicom/file-preamble.js");
    const start = meta.indexOf(Buffer.from([0x08, 0, 0x16, 0]));
    await expect(decoder.open(joined(uid, meta.subarray(start)))).rejects.toMatchObject({
      code: "unsupported_format",
      message: expect.stringContaining(words),
    });
  });
});

describe("12-bit DCT", () => {
  const folder = skipUnlessShared("data/images/dicom");
  const files = [
    "cornerstone/CTImage.dcm_JPEGProcess2_4TransferSyntax_1.2.840.10008.1.2.4.51.dcm",
    "cornerstone/CTImage.dcm_JPEGProcess6_8TransferSyntax_1.2.840.10008.1.2.4.53.dcm",
    "cornerstone/CTImage.dcm_JPEGProcess10_12TransferSyntax_1.2.840.10008.1.2.4.55.dcm",
    "cornerstone/CT0012.fragmented_no_bot_jpeg_baseline.51.dcm",
    "pydicom/JPEG-lossy.dcm",
    "pydicom/JPGExtended.dcm",
  ];

  it.skipIf(withoutProgram("dcmdjpeg") || folder === undefined).each(files)("%s is within one step of dcmtk's values", async (file) => {
    const reading = { maxPixels: 25_000_000, maxInflated: 64 * 1024 * 1024, codecs: wasmCodecs(installedCodecs) };
    const temporary = mkdtempSync(join(tmpdir(), "biovlm-dct-"));
    try {
      const path = join(folder ?? "", file);
      const native = join(temporary, "native.dcm");
      expect(spawnSync("dcmdjpeg", ["+cn", path, native]).status).toBe(0);
      const [ours, theirs] = await Promise.all([path, native].map((f) => openDicom(new Uint8Array(readFileSync(f)), reading)));
      for (let index = 0; index < (ours?.frames ?? 0); index++) {
        const [a, b] = [(await ours?.stored(index))?.values ?? [], (await theirs?.stored(index))?.values ?? []];
        expect(a.length).toBe(b.length);
        expect(a.length).toBeGreaterThan(0);
        let furthest = 0;
        for (let at = 0; at < a.length; at++) furthest = Math.max(furthest, Math.abs((a[at] ?? 0) - (b[at] ?? 0)));
        expect(furthest).toBeLessThanOrEqual(1);
      }
    } finally {
      rmSync(temporary, { recursive: true });
    }
  });
});

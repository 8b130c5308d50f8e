// How the page sees a volume: its middle axial slice, and words that say so. What of an image may be sent.

import { readFileSync } from "node:fs";
import { sharpDecoder } from "@biovlm/imaging/node";
import { golden } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { ImageDecoding } from "../../src/engine/image-decoding.js";
import { shownPng } from "../../src/engine/shown-png.js";

const HEADER = "NRRD0004\n# Jane Doe\ntype: uchar\ndimension: 3\nsizes: 4 4 3\nencoding: raw\n\n";
const volume = () => new Blob([HEADER, ...[10, 20, 30].map((grey) => new Uint8Array(16).fill(grey))]);
const decoding = () => new ImageDecoding("http://127.0.0.1/");

describe("a volume in the page", () => {
  it("is seen by its middle axial slice, and says so", async () => {
    const view = await decoding().view({ file: volume() });
    expect({ format: view.format, first: view.rgb[0] }).toEqual({ format: "nrrd", first: 20 });
    expect(view.notes).toEqual(["axial slice 2 of 3", expect.stringContaining("does not say how it lies")]);
  });
});

describe("what may be sent", () => {
  const pixelsOf = async (bytes: Uint8Array) => {
    const { data, width, height } = await sharpDecoder().decode(bytes);
    return { data: Buffer.from(data), width, height };
  };

  it("of DICOM is the frame and window shown as pixels, without a byte of the header", async () => {
    const bytes = new Uint8Array(readFileSync(golden("dicom/ct_signed_16_window.dcm")));
    const sent = await decoding().sendable({ file: new Blob([bytes]), window: "-600/1500" });
    expect(sent.pixelsOnly).toBe(true);
    expect(Buffer.from(sent.bytes).includes("DICM")).toBe(false);
    const { dicom: _, ...now } = await decoding().pixels({ file: new Blob([bytes]), window: "-600/1500" });
    expect(await pixelsOf(sent.bytes)).toEqual({ data: Buffer.from(now.data), width: now.width, height: now.height });
    const plain = await decoding().sendable({ file: new Blob([bytes]) });
    expect(Buffer.from(plain.bytes).equals(Buffer.from(sent.bytes))).toBe(false);
  });

  it("of a volume is the slice shown, without its header's texts", async () => {
    const sent = await decoding().sendable({ file: volume(), frame: 2 });
    expect(sent.pixelsOnly).toBe(true);
    expect(Buffer.from(sent.bytes).includes("Jane")).toBe(false);
    expect((await pixelsOf(sent.bytes)).data.subarray(0, 3)).toEqual(Buffer.from([30, 30, 30]));
  });

  it("is a PNG of any size that other decoders read, pixel for pixel", async () => {
    for (const [width, height] of [
      [1, 1],
      [7, 3],
      [300, 41],
    ] as const) {
      const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 37 + (i >> 5)) % 256);
      expect(await pixelsOf(await shownPng(data, width, height))).toEqual({ data: Buffer.from(data), width, height });
    }
  });
});

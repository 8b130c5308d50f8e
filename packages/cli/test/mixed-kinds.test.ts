// A folder whose classes hold TIFF of several pages, PNG of 16 bits, DICOM of several frames and NIfTI beside each other: learned from, measured
// and answered as one set, by their middle pictures and, with --volumes, by all of them.

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { greyPng } from "@biovlm/testkit";
import { describe, expect, it } from "vitest";
import { call, folder } from "./call.js";
import { slice } from "./made-series.js";

const SIDE = 16;
/** Pictures in a file of several. */
const PICTURES = 3;

/** A picture of a class: dark or bright, with a pattern of its own. */
const picture = (label: string, i: number, z = 0): Uint8Array =>
  Uint8Array.from({ length: SIDE * SIDE }, (_, k) => (label === "dark" ? 15 : 220) + ((k * (i + 2) + 3 * z) % 8));

/** Grey pages of 8 bits, one directory after another. */
function pagesTiff(pages: readonly Uint8Array[]): Buffer {
  const head = Buffer.from([0x49, 0x49, 42, 0, 8, 0, 0, 0]);
  let at = head.length;
  const parts = pages.map((pixels, i) => {
    const tags = [
      ...[[256, SIDE] as const, [257, SIDE] as const, [258, 8] as const, [259, 1] as const, [262, 1] as const],
      ...[[273, at + 2 + 9 * 12 + 4] as const, [277, 1] as const, [278, SIDE] as const, [279, pixels.length] as const],
    ];
    const directory = Buffer.alloc(2 + tags.length * 12 + 4);
    directory.writeUInt16LE(tags.length, 0);
    for (const [t, [tag, value]] of tags.entries()) {
      directory.writeUInt16LE(tag, 2 + t * 12);
      directory.writeUInt16LE(4, 4 + t * 12);
      directory.writeUInt32LE(1, 6 + t * 12);
      directory.writeUInt32LE(value, 10 + t * 12);
    }
    at += directory.length + pixels.length;
    directory.writeUInt32LE(i + 1 < pages.length ? at : 0, directory.length - 4);
    return Buffer.concat([directory, pixels]);
  });
  return Buffer.concat([head, ...parts]);
}

/** NIfTI of unsigned bytes, axes right, anterior, superior. */
function nifti(slices: readonly Uint8Array[]): Buffer {
  const header = Buffer.alloc(352);
  header.writeInt32LE(348, 0);
  for (const [i, size] of [3, SIDE, SIDE, slices.length, 1, 1, 1, 1].entries()) header.writeInt16LE(size, 40 + 2 * i);
  header.writeInt16LE(2, 70);
  header.writeInt16LE(8, 72);
  for (let i = 0; i < 4; i++) header.writeFloatLE(1, 76 + 4 * i);
  header.writeFloatLE(352, 108);
  header.writeInt16LE(1, 254);
  for (let i = 0; i < 3; i++) header.writeFloatLE(1, 280 + 20 * i);
  header.write("n+1\0", 344, "latin1");
  return Buffer.concat([header, ...slices]);
}

const KINDS: Readonly<Record<string, (label: string, i: number) => Uint8Array>> = {
  "pages.tif": (label, i) => pagesTiff(Array.from({ length: PICTURES }, (_, z) => picture(label, i, z))),
  "16.png": (label, i) => {
    const pixels = picture(label, i);
    return greyPng(SIDE, SIDE, 16, (k) => (pixels[k] ?? 0) * 257);
  },
  "cine.dcm": (label, i) => {
    const number = (label === "dark" ? 0 : 100) + i;
    return slice({ series: number, instance: number, z: 0, pixels: picture(label, i), frames: PICTURES, patient: `P-${number}` });
  },
  "volume.nii": (label, i) => nifti(Array.from({ length: PICTURES }, (_, z) => picture(label, i, z))),
};

function madeSet(): string {
  const place = folder("kinds");
  for (const label of ["dark", "bright"])
    for (let i = 0; i < 6; i++)
      for (const [kind, make] of Object.entries(KINDS)) {
        const path = join(place, "set", label, `${i}-${kind}`);
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, make(label, i));
      }
  return place;
}

interface Row {
  readonly file: string;
  readonly predictions: readonly { readonly class: string }[];
  readonly frames?: object;
}

describe("classes of TIFF pages, 16-bit PNG, DICOM frames and NIfTI", () => {
  const place = madeSet();

  it.each([[[]], [["--volumes"]]])("are learned from and answered, each kind (%s)", { timeout: 120_000 }, async (volumes) => {
    const learning = [
      "./set",
      "--shots",
      "6",
      "--seed",
      "1",
      "--set",
      "epochs=4",
      "--device",
      "wasm",
      "--range",
      "full",
      "--out",
      "b.safetensors",
    ];
    const train = await call(["train", ...learning, "--json", ...volumes], { cwd: place });
    expect(train.code, train.err).toBe(0);
    expect(train.err).not.toContain("left out");
    const told = JSON.parse(train.out) as {
      readonly images: number;
      readonly measured: { readonly learned: { balancedAccuracy: number } };
    };
    expect([told.images, told.measured.learned.balancedAccuracy]).toEqual([12, 1]);
    const answer = await call(["classify", "set", "--bank", "b.safetensors", "--device", "wasm", "--range", "full", "--json", ...volumes], {
      cwd: place,
    });
    expect(answer.code, answer.err).toBe(0);
    const rows = JSON.parse(answer.out) as Row[];
    // of files of several pictures the answer of all of them
    const whole = volumes.length === 0 ? rows : rows.filter(({ file, frames }) => frames !== undefined || file.endsWith(".png"));
    expect(whole).toHaveLength(48);
    for (const { file, predictions } of whole) expect([file, predictions[0]?.class]).toEqual([file, file.split("/")[1]]);
    if (volumes.length > 0) expect(rows).toHaveLength(12 + 36 * (PICTURES + 1));
  });
});

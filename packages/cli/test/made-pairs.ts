// Volumes in two files, a header and its voxels, beside the same in one.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { golden } from "@biovlm/testkit";

const { rows } = JSON.parse(readFileSync(golden("volumes.json"), "utf8")) as { rows: { name: string; bytes: string }[] };
const bytesOf = (name: string) => Buffer.from(rows.find((row) => row.name === name)?.bytes ?? "", "base64");
const NRRD = bytesOf("nrrd float32 big left-posterior-superior");
const END = NRRD.indexOf("\n\n");

/** A header of NRRD whose voxels lie in the file that it names. */
export const detached = (name: string): string => `${NRRD.subarray(0, END).toString("latin1")}\ndata file: ${name}\n`;

/** Into a folder: one.nii, the same as two.hdr and two.img, x.nrrd, the same as y.nhdr and y.raw. */
export function writePairs(place: string): void {
  const one = bytesOf("nifti int16 little 0");
  const header = Buffer.from(one.subarray(0, 348));
  header.write("ni1\0", 344, "latin1");
  header.writeFloatLE(0, 108);
  const files = { "one.nii": one, "two.hdr": header, "two.img": one.subarray(352), "x.nrrd": NRRD, "y.raw": NRRD.subarray(END + 2) };
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(place, name), bytes);
  writeFileSync(join(place, "y.nhdr"), detached("y.raw"));
}

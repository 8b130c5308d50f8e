// The slides of tools/goldens/data/slides.json, as files of a folder of the test's own, and what tifffile reads from them.

import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inflateSync } from "node:zlib";
import { eachFile, golden } from "@biovlm/testkit";
import { openSlide } from "../../src/node/slide.js";
import type { Slide } from "../../src/slides/slide.js";

interface Row {
  readonly name: string;
  readonly bytes: string;
  readonly levels: readonly {
    readonly width: number;
    readonly height: number;
    readonly microns: number | null;
    readonly sha256: string;
    /** of a slide whose decoders need not agree to the bit */
    readonly pixels?: string;
  }[];
}

interface DicomRow extends Omit<Row, "bytes"> {
  readonly files: readonly string[];
}

const { rows, dicom } = JSON.parse(readFileSync(golden("slides.json"), "utf8")) as {
  readonly rows: readonly Row[];
  readonly dicom: readonly DicomRow[];
};

export const SLIDES = rows.map(({ bytes, ...row }) => ({ ...row, bytes: new Uint8Array(Buffer.from(bytes, "base64")) }));

/** Slides of several files, a level each, or parts of one. */
export const DICOM_SLIDES = dicom.map(({ files, ...row }) => ({
  ...row,
  files: files.map((bytes) => new Uint8Array(inflateSync(Buffer.from(bytes, "base64")))),
}));

let folder = "";
eachFile(import.meta.dirname, () => {
  folder = mkdtempSync(join(tmpdir(), "biovlm-slides-"));
  return () => rmSync(folder, { recursive: true, force: true });
});
let files = 0;

/** Bytes of one slide, a copy. */
export function slideBytes(name: string): Uint8Array {
  const found = SLIDES.find((row) => row.name === name);
  if (found === undefined) throw new Error(`no slide ${name}`);
  return found.bytes.slice();
}

/** A file of the bytes. */
export function written(bytes: Uint8Array): string {
  const path = join(folder, `${files++}.tif`);
  writeFileSync(path, bytes);
  return path;
}

/** A folder of the files. */
function writtenFolder(contents: readonly Uint8Array[]): string {
  const path = join(folder, `${files++}`);
  mkdirSync(path);
  for (const [i, bytes] of contents.entries()) writeFileSync(join(path, `${i}`), bytes);
  return path;
}

/** Opens bytes as a slide, or files as the levels of one, hands it on, and closes it. */
export async function withSlide<T>(content: Uint8Array | readonly Uint8Array[], use: (slide: Slide) => Promise<T>): Promise<T> {
  const slide = await openSlide(content instanceof Uint8Array ? written(content) : writtenFolder(content));
  try {
    return await use(slide);
  } finally {
    await slide.close();
  }
}

export const sha256 = (data: Uint8Array) => createHash("sha256").update(data).digest("hex");

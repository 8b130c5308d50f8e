// The slides of tools/goldens/data/slides.json, as files of a folder of the test's own, and what tifffile reads from them.

import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { golden } from "@biovlm/testkit";
import { afterAll } from "vitest";
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

const { rows } = JSON.parse(readFileSync(golden("slides.json"), "utf8")) as { readonly rows: readonly Row[] };

export const SLIDES = rows.map(({ bytes, ...row }) => ({ ...row, bytes: new Uint8Array(Buffer.from(bytes, "base64")) }));

const folder = mkdtempSync(join(tmpdir(), "biovlm-slides-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
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

/** Opens bytes as a slide, hands it on, and closes it. */
export async function withSlide<T>(bytes: Uint8Array, use: (slide: Slide) => Promise<T>): Promise<T> {
  const slide = await openSlide(written(bytes));
  try {
    return await use(slide);
  } finally {
    await slide.close();
  }
}

export const sha256 = (data: Uint8Array) => createHash("sha256").update(data).digest("hex");

// Slices of made series: small MR images that say where they lie, and nothing of anybody.

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { dicomElement, dicomFile } from "@biovlm/testkit";
import { folder } from "./call.js";

export interface MadeSlice {
  readonly series: number;
  readonly instance: number;
  /** millimetres */
  readonly z: number;
  /** 0 to 255, of every pixel where there are no `pixels` */
  readonly grey?: number;
  readonly pixels?: Uint8Array;
  readonly patient?: string;
  readonly type?: string;
  readonly frames?: number;
}

/** 16 × 16 pixels of 8 bits; frames are the same picture, each darker than the one before. */
export function slice({
  series,
  instance,
  z,
  grey = 100,
  pixels,
  patient,
  type = "ORIGINAL\\PRIMARY\\AXIAL",
  frames = 1,
}: MadeSlice): Uint8Array {
  const first = pixels ?? new Uint8Array(256).fill(grey);
  const all = Uint8Array.from({ length: 256 * frames }, (_, i) => (first[i % 256] ?? 0) >> Math.floor(i / 256));
  return dicomFile("1.2.840.10008.1.2.1", [
    dicomElement("00080008", "CS", type),
    dicomElement("00080016", "UI", "1.2.840.10008.5.1.4.1.1.4"),
    dicomElement("00080018", "UI", `2.25.77.${instance}`),
    dicomElement("00080060", "CS", "MR"),
    ...(patient === undefined ? [] : [dicomElement("00100020", "LO", patient)]),
    dicomElement("0020000D", "UI", `2.25.4241.${patient ?? "1"}`.replace(/[^0-9.]/g, "")),
    dicomElement("0020000E", "UI", `2.25.4242.${series}`),
    dicomElement("00200032", "DS", `0\\0\\${z}`),
    dicomElement("00200037", "DS", "1\\0\\0\\0\\1\\0"),
    dicomElement("00280002", "US", 1),
    dicomElement("00280004", "CS", "MONOCHROME2"),
    ...(frames === 1 ? [] : [dicomElement("00280008", "IS", String(frames))]),
    dicomElement("00280010", "US", 16),
    dicomElement("00280011", "US", 16),
    dicomElement("00280100", "US", 8),
    dicomElement("00280101", "US", 8),
    dicomElement("00280102", "US", 7),
    dicomElement("00280103", "US", 0),
    dicomElement("7FE00010", "OB", all),
  ]);
}

/** A folder of files by their names below it. */
export function written(name: string, files: Readonly<Record<string, Uint8Array>>): string {
  const place = folder(name);
  for (const [file, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(place, file)), { recursive: true });
    writeFileSync(join(place, file), bytes);
  }
  return place;
}

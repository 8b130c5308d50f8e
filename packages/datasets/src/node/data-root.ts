// Where data sets lie on this machine, and which files a known one may have there. Nothing is made; looking is all that is done.

import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { dataFolders, thisPlace } from "@biovlm/files/node";
import { medmnistFile } from "../medmnist.js";

/** Sides of MedMNIST's images, pixels. */
export type MedmnistSize = 28 | 64 | 128 | 224;
export const MEDMNIST_SIZES: readonly MedmnistSize[] = [224, 128, 64, 28];

/** `root`, else BIOVLM_DATA, else `data` in BIOVLM_HOME or in the platform's data folder for biovlm. */
export function dataRoot(root?: string, env: Readonly<Record<string, string | undefined>> = process.env): string {
  const named = root || env["BIOVLM_DATA"];
  if (named) return resolve(named);
  return join(dataFolders({ ...thisPlace(), env }).home, "data");
}

/** Relative places of an official MedMNIST file, the preferred one first. */
export function medmnistPlaces(name: string, size: MedmnistSize): string[] {
  const file = medmnistFile(name, size);
  return [`medmnist/${file}`, file];
}

/** The first of `places` below `root` that exists as that kind. */
export async function firstPlace(root: string, places: readonly string[], kind: "file" | "folder"): Promise<string | undefined> {
  for (const place of places) {
    const info = await stat(join(root, place)).catch(() => undefined);
    if (kind === "file" ? info?.isFile() : info?.isDirectory()) return join(root, place);
  }
  return undefined;
}

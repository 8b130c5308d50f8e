// What a person points at to import (a folder, a weights file) → which files make the model. Looks at names only; nothing is read.

import { readdir, stat } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";
import { fileFailure } from "@biovlm/files/node";
import { ModelError } from "../../contract/errors.js";
import { SIDE_FILES, WEIGHT_FILES } from "./model-files.js";

/** The files that a model is imported from, as paths. */
export interface SourceFiles {
  /** a name for the model where none is given */
  readonly name: string;
  readonly weights: string;
  /** name in the store → path */
  readonly sides: ReadonlyMap<string, string>;
}

const WEIGHTS = /\.(?:safetensors|bin|pt|pth)$/i;

/**
 * @param weights name of the weights file in a folder that holds several.
 * Rejects with `ModelError`: `not_found`, `missing_file`, `unsupported_format`, `bad_argument` (several weights files), or as `fileFailure`.
 */
export async function sourceFiles(path: string, weights?: string): Promise<SourceFiles> {
  try {
    const info = await stat(path);
    const folder = info.isDirectory() ? path : dirname(path);
    const names = await readdir(folder);
    const file = info.isDirectory() ? weightsIn(folder, names, weights) : basename(path);
    if (!WEIGHTS.test(file)) {
      throw new ModelError(
        "unsupported_format",
        `${path} — expected a folder, a bundle, or weights (.safetensors, .bin, .pt, .pth), got ${extname(path) || "a file without ending"}. Name the weights file.`,
      );
    }
    const sides = new Map<string, string>();
    for (const name of SIDE_FILES) if (names.includes(name)) sides.set(name, join(folder, name));
    const own = info.isDirectory() ? basename(resolve(path)) : basename(path, extname(path));
    return { name: nameFrom(own), weights: join(folder, file), sides };
  } catch (error) {
    throw fileFailure(error, `reading ${path}`);
  }
}

function weightsIn(folder: string, names: readonly string[], wanted: string | undefined): string {
  if (wanted !== undefined) {
    if (names.includes(wanted)) return wanted;
    throw new ModelError("missing_file", `${folder} — expected ${wanted} in it, got ${names.length} other files. Check --weights.`);
  }
  const known = WEIGHT_FILES.find((name) => names.includes(name));
  if (known !== undefined) return known;
  const [first, ...more] = names.filter((name) => WEIGHTS.test(name)).sort();
  if (first === undefined) {
    throw new ModelError("missing_file", `${folder} has no weights — expected ${WEIGHT_FILES.join(", ")}, got none. Name another folder.`);
  }
  if (more.length > 0) {
    throw new ModelError(
      "bad_argument",
      `${folder} has several weights files — expected one, got ${[first, ...more].slice(0, 5).join(", ")}. Choose with --weights.`,
    );
  }
  return first;
}

/** A model name made of any file or repository name. */
export function nameFrom(text: string): string {
  return (
    text
      .replace(/[^A-Za-z0-9._-]+/g, "-")
      .replace(/^[^A-Za-z0-9]+/, "")
      .slice(0, 64) || "model"
  );
}

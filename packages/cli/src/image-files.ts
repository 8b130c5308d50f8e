// Paths the user named → the list of files to look at: folders walked, in one fixed order, each file once. Reads no file's content.

import { opendir, stat } from "node:fs/promises";
import { extname, join, normalize, resolve } from "node:path";
import { notFoundError, reportError } from "./errors.js";

/** Endings that a folder walk takes. A file named on the command line is taken whatever its name. */
export const IMAGE_ENDINGS: readonly string[] = [".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".dcm"];

export interface ImageFile {
  /** As the user wrote it, or joined below the folder they wrote. */
  readonly name: string;
  readonly path: string;
}

/** A path that cannot be used at all; other paths still can. */
export interface FailedPath {
  readonly name: string;
  readonly error: { readonly code: string; readonly message: string };
}

export interface ImageFiles {
  /** Sorted by `name` within each named path; paths in the order given. */
  readonly files: readonly ImageFile[];
  readonly failed: readonly FailedPath[];
  /** Files in walked folders that have no image's ending. */
  readonly ignored: number;
}

/**
 * Walks the paths. Folders are entered to any depth, links to folders and dotted names are not.
 * @throws CliError `not_found` when none of the paths exists, `no_images` when there is nothing to look at (exit 3)
 */
export async function findImageFiles(paths: readonly string[], cwd: string, signal?: AbortSignal): Promise<ImageFiles> {
  const seen = new Set<string>();
  const files: ImageFile[] = [];
  const failed: FailedPath[] = [];
  let ignored = 0;
  const take = (name: string) => {
    const path = resolve(cwd, name);
    if (seen.has(path)) return;
    seen.add(path);
    files.push({ name, path });
  };
  for (const given of paths) {
    try {
      if (given.includes("\0")) throw notFoundError("not_found", "no such path — it holds a zero byte");
      const info = await stat(resolve(cwd, given));
      if (!info.isDirectory()) take(given);
      else {
        const found: string[] = [];
        ignored += await walk(resolve(cwd, given), normalize(given), found, signal);
        for (const name of found.sort(byCodeUnits)) take(name);
      }
    } catch (error) {
      signal?.throwIfAborted();
      const { code, message } = reportError(error);
      failed.push({ name: given, error: { code, message: code === "not_found" ? "no such file or folder" : message } });
    }
  }
  if (files.length === 0 && failed.length > 0 && failed.every(({ error }) => error.code === "not_found")) {
    throw notFoundError("not_found", `no such file or folder — ${failed.map(({ name }) => name).join(", ")}`, "Check the path.");
  }
  if (files.length === 0 && failed.length === 0) {
    throw notFoundError(
      "no_images",
      `no image in ${paths.join(", ")}`,
      `Folders are searched for files ending in ${IMAGE_ENDINGS.join(", ")}.`,
    );
  }
  return { files, failed, ignored };
}

async function walk(folder: string, name: string, found: string[], signal: AbortSignal | undefined): Promise<number> {
  let ignored = 0;
  for await (const entry of await opendir(folder)) {
    signal?.throwIfAborted();
    if (entry.name.startsWith(".")) continue;
    const isLink = entry.isSymbolicLink();
    const target = isLink ? await stat(join(folder, entry.name)).catch(() => undefined) : entry;
    if (target?.isDirectory()) {
      if (!isLink) ignored += await walk(join(folder, entry.name), join(name, entry.name), found, signal);
    } else if (IMAGE_ENDINGS.includes(extname(entry.name).toLowerCase())) found.push(join(name, entry.name));
    else ignored++;
  }
  return ignored;
}

/** The order of `<` on strings: the same on every machine and in every language. */
function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

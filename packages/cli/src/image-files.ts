// Paths the user named → the list of files to look at: folders walked, in one fixed order, each file once. Reads no file's content.

import { stat } from "node:fs/promises";
import { join, normalize, resolve } from "node:path";
import { IMAGE_ENDINGS } from "@biovlm/files";
import { findImages, leftOutNote } from "@biovlm/files/node";
import { notFoundError, reportError } from "./errors.js";

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
  /** What the walks left out, for a person: "left out: 2 hidden, 1 mask". Undefined where nothing was. */
  readonly note: string | undefined;
}

/**
 * Walks the paths. What a folder gives is what every command takes of it (`findImages` of @biovlm/files/node).
 * @throws CliError `not_found` when none of the paths exists, `no_images` when there is nothing to look at (exit 3)
 */
export async function findImageFiles(paths: readonly string[], cwd: string, signal?: AbortSignal): Promise<ImageFiles> {
  const seen = new Set<string>();
  const files: ImageFile[] = [];
  const failed: FailedPath[] = [];
  const leftOut = new Map<string, number>();
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
        const found = await findImages(resolve(cwd, given), { signal });
        for (const path of found.paths) take(join(normalize(given), path));
        for (const [reason, count] of found.leftOut) leftOut.set(reason, (leftOut.get(reason) ?? 0) + count);
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
  const note = leftOutNote(leftOut);
  if (files.length === 0 && failed.length === 0) {
    throw notFoundError(
      "no_images",
      `no image in ${paths.join(", ")}${note === undefined ? "" : ` (${note})`}`,
      `Folders are searched for files ending in ${IMAGE_ENDINGS.join(", ")}.`,
    );
  }
  return { files, failed, note };
}

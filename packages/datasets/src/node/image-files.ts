// Image files below a folder: found in one deterministic order, opened within limits. What is not an image is counted, not guessed at.

import { constants, type Dirent } from "node:fs";
import { type FileHandle, open, readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import type { ItemContent } from "../dataset.js";
import { DatasetError } from "../errors.js";
import { byCodeUnit } from "../relative-path.js";

const IMAGE_NAME = /\.(?:png|jpe?g|webp|tiff?)$/i;
const MAX_FILES = 2_000_000;
const MAX_DEPTH = 8;
/** An image file larger than this is refused before it is read. */
const MAX_IMAGE_BYTES = 64 * 2 ** 20;

export interface FoundFiles {
  /** relative paths with forward slashes, by code units */
  readonly paths: readonly string[];
  /** how many were left out, by reason */
  readonly skipped: ReadonlyMap<string, number>;
}

/**
 * Image files below `folder`, links followed (a folder is visited once), hidden files left out, and the lesion masks that lie beside
 * their picture in ultrasound sets (`x.png`, `x_mask.png`, `x_mask_1.png`).
 * @throws DatasetError `not_found`, `storage`, `too_large`
 */
export async function findImages(folder: string): Promise<FoundFiles> {
  const paths: string[] = [];
  const skipped = new Map<string, number>();
  const skip = (reason: string): void => void skipped.set(reason, (skipped.get(reason) ?? 0) + 1);
  const visited = new Set<string>();
  const visit = async (relative: string, depth: number): Promise<void> => {
    const here = join(folder, relative);
    let entries: Dirent[];
    try {
      const real = await realpath(here);
      if (visited.has(real)) return skip("folder visited before");
      visited.add(real);
      entries = await readdir(here, { withFileTypes: true });
    } catch (cause) {
      if (relative === "") throw folderFailure(cause);
      return skip("unreadable folder");
    }
    for (const entry of entries.sort((a, b) => byCodeUnit(a.name, b.name))) {
      const path = relative === "" ? entry.name : `${relative}/${entry.name}`;
      if (entry.name.startsWith(".") || entry.name === "__MACOSX") {
        skip("hidden");
        continue;
      }
      const kind = entry.isSymbolicLink() ? await stat(join(folder, path)).catch(() => undefined) : entry;
      if (kind === undefined) skip("broken link");
      else if (kind.isDirectory()) {
        if (depth < MAX_DEPTH) await visit(path, depth + 1);
        else skip("folder too deep");
      } else if (!kind.isFile() || !IMAGE_NAME.test(entry.name)) skip("not an image");
      else if (paths.push(path) > MAX_FILES)
        throw new DatasetError("too_large", `image folder — expected at most ${MAX_FILES} files, got more. Name a folder further down.`);
    }
  };
  await visit("", 0);
  const known = new Set(paths);
  const isMask = (path: string) => {
    const match = /^(.*)_mask(?:_\d+)?(\.[^.]+)$/.exec(path);
    return match !== null && known.has(`${match[1]}${match[2]}`);
  };
  const images = paths.filter((path) => !isMask(path));
  if (images.length < paths.length) skipped.set("mask", paths.length - images.length);
  return { paths: images.sort(byCodeUnit), skipped };
}

/** Notes for a person: "left out: 3 hidden, 1 mask". */
export function skippedNote(skipped: ReadonlyMap<string, number>): string[] {
  return skipped.size === 0 ? [] : [`left out: ${[...skipped].map(([reason, count]) => `${count} ${reason}`).join(", ")}`];
}

/** Reads one image file. @param what names the item without its path @throws DatasetError `not_found`, `storage`, `too_large`, `bad_file` */
export async function readImageFile(path: string, what: string): Promise<ItemContent> {
  let handle: FileHandle | undefined;
  try {
    // Non-blocking: a pipe under an image's name must not hang.
    handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const info = await handle.stat();
    if (!info.isFile()) throw new DatasetError("bad_file", `${what} — expected a file, got something else. Remove it from the folder.`);
    if (info.size > MAX_IMAGE_BYTES)
      throw new DatasetError("too_large", `${what} — expected at most ${MAX_IMAGE_BYTES} bytes, got ${info.size}. Shrink the image.`);
    return { kind: "file", bytes: new Uint8Array(await handle.readFile()) };
  } catch (cause) {
    if (cause instanceof DatasetError) throw cause;
    const code = (cause as NodeJS.ErrnoException).code ?? "an error";
    throw new DatasetError(
      code === "ENOENT" ? "not_found" : "storage",
      `${what} — expected a readable file, got ${code}. Check that the folder has not changed, and its permissions.`,
      { cause },
    );
  } finally {
    await handle?.close();
  }
}

/** Text of a small file: a list, a split. @throws DatasetError `not_found`, `storage`, `too_large`, `bad_file` */
export async function readTextFile(path: string, what: string, maxBytes = 256 * 2 ** 20): Promise<string> {
  try {
    const info = await stat(path);
    if (!info.isFile()) throw new DatasetError("bad_file", `${what} — expected a file, got something else. Name the file itself.`);
    if (info.size > maxBytes)
      throw new DatasetError("too_large", `${what} — expected at most ${maxBytes} bytes, got ${info.size}. Split the file.`);
    const handle = await open(path, constants.O_RDONLY);
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(await handle.readFile());
    } finally {
      await handle.close();
    }
  } catch (cause) {
    if (cause instanceof DatasetError) throw cause;
    if (cause instanceof TypeError)
      throw new DatasetError("bad_file", `${what} — expected UTF-8 text, got other bytes. Save it as UTF-8.`, { cause });
    const missing = (cause as NodeJS.ErrnoException).code === "ENOENT";
    throw new DatasetError(
      missing ? "not_found" : "storage",
      `${what} — expected a readable file, got ${(cause as NodeJS.ErrnoException).code}. Check the path.`,
      {
        cause,
      },
    );
  }
}

function folderFailure(cause: unknown): DatasetError {
  const code = (cause as NodeJS.ErrnoException).code ?? "an error";
  const missing = code === "ENOENT";
  return new DatasetError(missing ? "not_found" : "storage", `image folder — expected a readable folder, got ${code}. Check the path.`, {
    cause,
  });
}

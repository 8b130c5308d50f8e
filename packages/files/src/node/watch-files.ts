// Files that may be replaced while a program runs: keys, certificates, models' small companions. Looked at from time to time, through symbolic links,
// because mounted secrets are swapped by a link and not written; what counts is the content, not the time of a change.

import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { readFileWithin } from "./read-file.js";

/** Files that are watched together. */
export interface FileWatch {
  /** Looks now: true where any content is another than when it was last looked at. A file that cannot be read counts as a content of its own. */
  changed(): Promise<boolean>;
}

/**
 * Remembers the files' contents as they are now.
 * @param maxBytes larger files are known by their size and time alone
 * @example const watch = await watchFiles(["keys.json"]); … if (await watch.changed()) reload();
 */
export async function watchFiles(paths: readonly string[], maxBytes = 2 ** 30): Promise<FileWatch> {
  const seen = new Map<string, { readonly stamp: string; readonly content: string }>();
  const look = async (path: string): Promise<boolean> => {
    const before = seen.get(path);
    const stamp = await stampOf(path);
    if (before?.stamp === stamp) return false;
    const content = await contentOf(path, maxBytes).catch(() => `unreadable ${stamp}`);
    seen.set(path, { stamp, content });
    return before?.content !== content;
  };
  const lookAtAll = async () => {
    let any = false;
    for (const path of paths) any = (await look(path)) || any;
    return any;
  };
  await lookAtAll();
  return { changed: lookAtAll };
}

/** What a file's state says of its content: another file under the name, another size, another time. */
async function stampOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeMs, ctimeMs } = await stat(path);
    return [dev, ino, size, mtimeMs, ctimeMs].join(":");
  } catch {
    return "absent";
  }
}

async function contentOf(path: string, maxBytes: number): Promise<string> {
  const { size, mtimeMs } = await stat(path);
  if (size > maxBytes) return `${size}:${mtimeMs}`;
  return createHash("sha256")
    .update(await readFileWithin(path, maxBytes))
    .digest("hex");
}

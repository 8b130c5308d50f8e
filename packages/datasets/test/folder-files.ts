// Folders of files for tests, made in one call and removed in one.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

export interface FolderFiles {
  readonly path: string;
  /** adds a file; text or bytes */
  add(name: string, content?: string | Uint8Array): void;
  remove(): void;
}

/** Images are their names' bytes, so that no two are alike: no test here decodes one. */
export function folderOf(names: readonly string[]): FolderFiles {
  const path = mkdtempSync(join(tmpdir(), "data-set-"));
  const add = (name: string, content: string | Uint8Array = name): void => {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), content);
  };
  for (const name of names) add(name);
  return { path, add, remove: () => rmSync(path, { recursive: true, force: true }) };
}

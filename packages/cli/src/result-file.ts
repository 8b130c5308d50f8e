// Where results of a command go: written whole or not at all, and what an earlier, killed run left half-written beside them is removed.

import { dirname } from "node:path";
import { type FileContent, sweepTemporaries, writeFileAtomic } from "@biovlm/files/node";

/** Writes a result. Rejects with ModelError `disk_full`, `not_permitted`, `too_many_files`, `io_error`; an old file then stands. */
export async function writeResult(
  path: string,
  content: FileContent,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<void> {
  await sweepTemporaries(dirname(path));
  await writeFileAtomic(path, content, options);
}

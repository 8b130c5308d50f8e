// A file on disk as an image source: regular, within a limit, never waited for.

import { readFileWithin } from "@biovlm/files/node";
import type { ImageSource } from "./image-source.js";

/** A file of at most `maxBytes`. Opening it throws FilesError `not_found`, `not_a_file`, `too_large`, `not_permitted`, …; no message names its path. */
export function fileSource({ name, path }: { readonly name: string; readonly path: string }, maxBytes: number): ImageSource {
  return { name, open: async () => ({ kind: "file", bytes: await readFileWithin(path, maxBytes, "image file") }) };
}

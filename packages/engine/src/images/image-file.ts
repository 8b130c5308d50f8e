// A file on disk as an image source: regular, within a limit, never waited for.

import { readFileWithin } from "@biovlm/files/node";
import type { ImageOptions } from "../options/engine-options.js";
import type { ImageSource } from "./image-source.js";

/** A file of at most `maxImageBytes`. Opening it throws FilesError `not_found`, `not_a_file`, `too_large`, `not_permitted`, …; no message names its path. */
export function fileSource(
  { name, path }: { readonly name: string; readonly path: string },
  { maxImageBytes }: Pick<ImageOptions, "maxImageBytes">,
): ImageSource {
  return { name, open: async () => ({ kind: "file", bytes: await readFileWithin(path, maxImageBytes, "image file") }) };
}

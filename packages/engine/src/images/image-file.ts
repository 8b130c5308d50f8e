// A file on disk as an image source: regular, within a limit, never waited for.

import { FilesError } from "@biovlm/files";
import { readImageWithin } from "@biovlm/files/node";
import type { ImageOptions } from "../options/engine-options.js";
import type { ImageSource } from "./image-source.js";

/** A file of at most `maxImageBytes`, with the file of its voxels where it is the header of a volume in two. Opening it throws FilesError `not_found`, `not_a_file`, `too_large`, `not_permitted`, …; no message names its path. */
export function fileSource(
  { name, path }: { readonly name: string; readonly path: string },
  { maxImageBytes }: Pick<ImageOptions, "maxImageBytes">,
): ImageSource {
  return { name, open: async () => ({ kind: "file", bytes: await readImageWithin(path, maxImageBytes, "image file").catch(withRemedy) }) };
}

/** Says which limit it was that a file is too large for. */
function withRemedy(error: unknown): never {
  if (!(error instanceof FilesError) || error.code !== "too_large") throw error;
  throw new FilesError("too_large", `${error.what} Use a smaller image, or raise maxImageBytes.`, { cause: error });
}

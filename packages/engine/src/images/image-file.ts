// A file on disk as an image source: regular, within a limit, never waited for.

import { FilesError } from "@biovlm/files";
import { readImageWithin } from "@biovlm/files/node";
import { openSlide } from "@biovlm/imaging/node";
import type { ImageOptions } from "../options/engine-options.js";
import type { ImageSource } from "./image-source.js";

/** A file of at most `maxImageBytes`, with the file of its voxels where it is the header of a volume in two. Opening it throws FilesError `not_found`, `not_a_file`, `too_large`, `not_permitted`, …; no message names its path. */
export function fileSource(
  { name, path }: { readonly name: string; readonly path: string },
  { maxImageBytes }: Pick<ImageOptions, "maxImageBytes">,
): ImageSource {
  const read = () => readImageWithin(path, maxImageBytes, "image file").catch((error: unknown) => withRemedy(error, path));
  return { name, open: async () => ({ kind: "file", bytes: await read() }) };
}

/** Says which limit it was that a file is too large for, and how a slide is read. */
async function withRemedy(error: unknown, path: string): Promise<never> {
  if (!(error instanceof FilesError) || error.code !== "too_large") throw error;
  const remedy = (await isSlide(path)) ? "It is a slide: read it by its tiles (biovlm slide)" : "Use a smaller image";
  throw new FilesError("too_large", `${error.what} ${remedy}, or raise maxImageBytes.`, { cause: error });
}

/** By its content; a few small ranges are read. */
async function isSlide(path: string): Promise<boolean> {
  try {
    await (await openSlide(path)).close();
    return true;
  } catch {
    return false;
  }
}

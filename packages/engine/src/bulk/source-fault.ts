// What is a fault of the place that images are read from, and not of an image: a shard does not go on with it, and another try may succeed.

import { FilesError } from "@biovlm/files";
import type { BulkImages } from "./bulk-images.js";

/** Codes that say nothing of an image: another try, or another machine, may read it. */
const NOT_THE_IMAGES: ReadonlySet<string> = new Set([
  ...["io_error", "too_many_files", "disk_full", "network", "refused", "locked"],
  ...["source_unreadable", "decoder_unavailable", "out_of_memory"],
]);

/** An image's own fault passes. @throws FilesError `source_unreadable` for a source's */
export async function checkSource(
  { code, message }: { readonly code: string; readonly message: string },
  images: Pick<BulkImages, "check">,
): Promise<void> {
  if (code === "not_found") await images.check();
  if (NOT_THE_IMAGES.has(code)) throw new FilesError("source_unreadable", `images — a read failed with ${code}: ${message}`);
}

/** Nothing of a whole chunk may be read: this says more of the worker than of the images. */
export function allRefused(): FilesError {
  return new FilesError(
    "source_unreadable",
    "images — expected files that may be read, got none in a whole chunk. Check this worker's user.",
  );
}

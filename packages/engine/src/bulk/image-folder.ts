// The images of a bulk job below a folder: read within a limit, their sizes known before their bytes are. No message names a path.

import { opendir } from "node:fs/promises";
import { join } from "node:path";
import { FilesError } from "@biovlm/files";
import { readFileWithin } from "@biovlm/files/node";
import type { BulkImages } from "./bulk-images.js";

/** Images below `folder`; rows' paths were checked by who planned or read them. @param maxImageBytes more is refused before it is read */
export function imageFolder(folder: string, { maxImageBytes }: { readonly maxImageBytes: number }): BulkImages {
  return {
    read: ({ uri }, admit) => readFileWithin(join(folder, uri), maxImageBytes, "image file", admit).catch(withRemedy),
    async check() {
      // a folder where nothing is mounted is there, and empty
      const first = await opendir(folder)
        .then(async (entries) => {
          const entry = await entries.read();
          await entries.close();
          return entry;
        })
        .catch(() => null);
      if (first === null)
        throw new FilesError(
          "source_unreadable",
          "image folder — expected a folder with images, got none or an empty one. Is it mounted here?",
        );
    },
  };
}

function withRemedy(error: unknown): never {
  if (!(error instanceof FilesError) || error.code !== "too_large") throw error;
  throw new FilesError("too_large", `${error.what} Use a smaller image, or plan with a larger maxImageBytes.`, { cause: error });
}

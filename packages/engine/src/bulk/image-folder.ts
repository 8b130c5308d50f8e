// The images of a bulk job below a folder: read within a limit, their sizes known before their bytes are. No message names a path.

import { opendir } from "node:fs/promises";
import { join } from "node:path";
import { FilesError } from "@biovlm/files";
import { fileFailure, openRegular } from "@biovlm/files/node";
import type { BulkImages } from "./bulk-images.js";

/** Images below `folder`; rows' paths were checked by who planned or read them. @param maxImageBytes more is refused before it is read */
export function imageFolder(folder: string, { maxImageBytes }: { readonly maxImageBytes: number }): BulkImages {
  return {
    async read({ uri }, admit) {
      const { handle, size } = await openRegular(join(folder, uri), "image file");
      try {
        if (size > maxImageBytes) throw tooLarge(maxImageBytes, size);
        await admit(size);
        const bytes = new Uint8Array(await handle.readFile());
        if (bytes.length > maxImageBytes) throw tooLarge(maxImageBytes, bytes.length);
        return bytes;
      } catch (error) {
        throw fileFailure(error, "reading image file");
      } finally {
        await handle.close();
      }
    },
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

const tooLarge = (most: number, got: number) =>
  new FilesError(
    "too_large",
    `image file — expected at most ${most} bytes, got ${got}. Use a smaller image, or plan with a larger maxImageBytes.`,
  );

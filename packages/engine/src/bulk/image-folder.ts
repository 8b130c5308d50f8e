// The images of a bulk job below a folder: read within a limit, their sizes known before their bytes are,
// those of volumes in two files from both. No message names a path.

import { opendir } from "node:fs/promises";
import { join } from "node:path";
import { FilesError } from "@biovlm/files";
import { fileFailure, openRegular, readImageWithin } from "@biovlm/files/node";
import type { BulkImages } from "./bulk-images.js";
import type { Admit } from "./read-ahead.js";

/** Images below `folder`; rows' paths were checked by who planned or read them. @param maxImageBytes more is refused before it is read */
export function imageFolder(folder: string, { maxImageBytes }: { readonly maxImageBytes: number }): BulkImages {
  return {
    read: ({ uri, size }, admit) => readImageWithin(join(folder, uri), maxImageBytes, "image file", ofSize(size, admit)).catch(withRemedy),
    async start({ uri }, length) {
      const { handle } = await openRegular(join(folder, uri), "image file");
      try {
        const bytes = new Uint8Array(length);
        let filled = 0;
        for (let got = -1; got !== 0 && filled < length; filled += got) got = (await handle.read(bytes, filled, length - filled)).bytesRead;
        return bytes.subarray(0, filled);
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

/** Lets in a file of the size that was planned, if one was, and whatever comes after it: its voxels. @throws FilesError `file_changed` */
function ofSize(planned: number | undefined, admit: Admit): Admit {
  let first = true;
  return async (bytes) => {
    if (first && planned !== undefined && bytes !== planned)
      throw new FilesError("file_changed", `image file — expected ${planned} bytes as planned, got ${bytes}. Plan again.`);
    first = false;
    await admit(bytes);
  };
}

function withRemedy(error: unknown): never {
  if (!(error instanceof FilesError) || error.code !== "too_large") throw error;
  throw new FilesError("too_large", `${error.what} Use a smaller image, or plan with a larger maxImageBytes.`, { cause: error });
}

// A regular file from outside, opened and read within a limit. A pipe, device or folder under a file's name is refused without waiting for it.

import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { FilesError } from "../errors.js";
import { fileFailure } from "../file-failure.js";

/** Opening a pipe that nobody writes to would wait for ever. Absent on Windows, which has no such pipes. */
const READ = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/**
 * Opens a regular file for reading; the caller closes it. `what` names it in messages (its path, or a word where the path must not be told).
 * @throws FilesError `not_a_file`, or as `fileFailure` says
 */
export async function openRegular(path: string, what: string = path): Promise<{ readonly handle: FileHandle; readonly size: number }> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, READ);
    const info = await handle.stat();
    if (info.isFile()) return { handle, size: info.size };
    throw new FilesError(
      "not_a_file",
      `${what} — expected a file, got ${info.isDirectory() ? "a folder" : "a device, pipe or socket"}. Name the file itself.`,
    );
  } catch (error) {
    await handle?.close();
    throw fileFailure(error, `reading ${what}`);
  }
}

/**
 * All bytes of a regular file of at most `maxBytes`.
 * @throws FilesError `too_large` before anything is read, `not_a_file`, or as `fileFailure` says
 */
export async function readFileWithin(path: string, maxBytes: number, what: string = path): Promise<Uint8Array> {
  const { handle, size } = await openRegular(path, what);
  try {
    if (size > maxBytes)
      throw new FilesError("too_large", `${what} — expected at most ${maxBytes} bytes, got ${size}. Use a smaller file.`);
    const bytes = new Uint8Array(await handle.readFile());
    // a file that grew since, or one of the kind that says 0 and has more (/proc)
    if (bytes.length > maxBytes)
      throw new FilesError("too_large", `${what} — expected at most ${maxBytes} bytes, got ${bytes.length}. Use a smaller file.`);
    return bytes;
  } catch (error) {
    throw fileFailure(error, `reading ${what}`);
  } finally {
    await handle.close();
  }
}

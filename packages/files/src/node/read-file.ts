// A regular file from outside, opened and read within a limit. A pipe, device or folder under a file's name is refused without waiting for it.

import { closeSync, constants, fstatSync, open as openDescriptor, read, type Stats } from "node:fs";
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
    const { size } = regular(await handle.stat(), what);
    return { handle, size };
  } catch (error) {
    await handle?.close();
    throw fileFailure(error, `reading ${what}`);
  }
}

function regular(info: Stats, what: string): Stats {
  if (info.isFile()) return info;
  throw new FilesError(
    "not_a_file",
    `${what} — expected a file, got ${info.isDirectory() ? "a folder" : "a device, pipe or socket"}. Name the file itself.`,
  );
}

/**
 * All bytes of a regular file of at most `maxBytes`. Of many small files each hand-over to another thread costs more than its reading, so only what
 * may wait for a disk is done beside this thread: opening, and as a rule one read.
 * @param admit told the size before anything is read, and waited for
 * @throws FilesError `too_large` before anything is read, `not_a_file`, or as `fileFailure` says
 */
export async function readFileWithin(
  path: string,
  maxBytes: number,
  what: string = path,
  admit?: (size: number) => Promise<unknown>,
): Promise<Uint8Array> {
  let descriptor: number | undefined;
  try {
    descriptor = await opened(path);
    const { size } = regular(fstatSync(descriptor), what);
    if (size > maxBytes) throw tooLarge(what, maxBytes, size);
    await admit?.(size);
    const bytes = await bytesOf(descriptor, size, maxBytes);
    if (bytes.length > maxBytes) throw tooLarge(what, maxBytes, `more than ${maxBytes}`);
    return bytes;
  } catch (error) {
    throw fileFailure(error, `reading ${what}`);
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function tooLarge(what: string, maxBytes: number, got: number | string): FilesError {
  return new FilesError("too_large", `${what} — expected at most ${maxBytes} bytes, got ${got}. Use a smaller file.`);
}

function opened(path: string): Promise<number> {
  return new Promise((resolve, reject) =>
    openDescriptor(path, READ, (error, descriptor) => (error === null ? resolve(descriptor) : reject(error))),
  );
}

/** From where the last read ended; 0 at the file's end. */
function readInto(descriptor: number, buffer: Uint8Array, at: number): Promise<number> {
  return new Promise((resolve, reject) =>
    read(descriptor, buffer, at, buffer.length - at, null, (error, bytesRead) => (error === null ? resolve(bytesRead) : reject(error))),
  );
}

/** What a file of this size holds, up to `maxBytes` and one byte more: one that grew since, and one of the kind that says 0 and has more (/proc), too. */
async function bytesOf(descriptor: number, size: number, maxBytes: number): Promise<Uint8Array> {
  // room for one more: a file that ends where it said is read in one go
  let buffer = new Uint8Array(size + 1);
  for (let length = 0; ; ) {
    const bytesRead = await readInto(descriptor, buffer, length);
    length += bytesRead;
    if (bytesRead === 0 || length === size || length > maxBytes) return buffer.subarray(0, length);
    if (length < buffer.length) continue;
    const larger = new Uint8Array(Math.min(maxBytes + 1, Math.max(2 * length, 2 ** 16)));
    larger.set(buffer);
    buffer = larger;
  }
}

// Writes whole files or none: temporary file beside the target → fsync → rename → fsync of the folder.
// After a crash at any moment the target holds the old bytes or the new ones; a failed write removes its temporary file.

import { randomBytes } from "node:crypto";
import { access, constants, type FileHandle, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { FilesError } from "../errors.js";
import { fileFailure, systemCode } from "../file-failure.js";

/** Bytes in one piece, text (UTF-8), or pieces in order. */
export type FileContent = Uint8Array | string | AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

const TEMPORARY = /^\.(.+)\.(\d+)-[0-9a-f]{12}\.tmp$/;

/**
 * Writes `content` to `path` atomically; folders above are made. Rejects with `FilesError`: `disk_full`, `not_permitted`,
 * `too_many_files`, `io_error` (also for a device, pipe or socket, which a rename would replace); the old file then stands untouched and the
 * temporary is gone.
 * @example await writeFileAtomic("out/report.json", JSON.stringify(report));
 */
export async function writeFileAtomic(
  path: string,
  content: FileContent,
  options: { readonly mode?: number; readonly signal?: AbortSignal | undefined } = {},
): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${process.pid}-${randomBytes(6).toString("hex")}.tmp`);
  let handle: FileHandle | undefined;
  try {
    await refuseDevice(path);
    await mkdir(folder, { recursive: true });
    handle = await open(temporary, "wx", options.mode ?? 0o644);
    if (content instanceof Uint8Array) await writeAll(handle, content);
    else if (typeof content === "string") await writeAll(handle, new TextEncoder().encode(content));
    else {
      for await (const piece of content) {
        options.signal?.throwIfAborted();
        await writeAll(handle, piece);
      }
    }
    await handle.sync();
    await handle.close();
    handle = undefined;
    options.signal?.throwIfAborted();
    await rename(temporary, path);
    await syncFolder(folder);
  } catch (error) {
    await handle?.close().catch(() => {});
    await rm(temporary, { force: true }).catch(() => {});
    if (options.signal?.aborted) throw options.signal.reason;
    if (systemCode(error) === "ENOENT") await refuseClosed(folder, path);
    throw fileFailure(error, `writing ${path}`);
  }
}

/** A rename over /dev/null would put a file where the device was. */
async function refuseDevice(path: string): Promise<void> {
  const present = await stat(path).catch(() => undefined);
  if (present === undefined || present.isFile() || present.isDirectory()) return;
  throw new FilesError("io_error", `${path} — expected a file or nothing, got a device, pipe or socket. Name a plain file.`);
}

/** Node says ENOENT where a folder cannot be made in a closed or read-only one: the real reason, if there is one. */
async function refuseClosed(folder: string, path: string): Promise<void> {
  try {
    await access(folder, constants.W_OK);
  } catch (error) {
    const above = dirname(folder);
    if (systemCode(error) !== "ENOENT") throw fileFailure(error, `writing ${path}`);
    if (above !== folder) await refuseClosed(above, path);
  }
}

/** Writes every byte at the handle's position, however short the system's writes are. */
export async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done);
    done += bytesWritten;
  }
}

/** Makes a rename in `folder` durable. Systems that cannot sync a folder (Windows, some network mounts) are let be. */
export async function syncFolder(folder: string): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(folder, "r");
    await handle.sync();
  } catch (error) {
    if (!["EISDIR", "EPERM", "EACCES", "EINVAL", "ENOTSUP", "EBADF"].includes(systemCode(error))) throw error;
  } finally {
    await handle?.close();
  }
}

/** Flushes a finished file's bytes to the disk. */
export async function syncFile(path: string): Promise<void> {
  const handle = await open(path, "r+");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Removes temporaries that a killed process left in `folder`: those whose process is gone, or that are older than a day.
 * @param shared with processes of other machines, whose numbers say nothing here: age alone decides
 */
export async function sweepTemporaries(folder: string, { shared = false }: { readonly shared?: boolean } = {}): Promise<string[]> {
  const removed: string[] = [];
  for (const name of await readdir(folder).catch(() => [])) {
    const match = TEMPORARY.exec(name);
    if (match === null) continue;
    const path = join(folder, name);
    const age = Date.now() - ((await stat(path).catch(() => undefined))?.mtimeMs ?? Date.now());
    if ((shared || processRuns(Number(match[2]))) && age < 86_400_000) continue;
    await rm(path, { force: true }).catch(() => {});
    removed.push(name);
  }
  return removed;
}

/** True when a process of this id runs on this host (it may be another program that got the number since). */
export function processRuns(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === "EPERM";
  }
}

// A job store in a folder that all workers share. A conditional create is link(2) of a file that is written and synced: POSIX, and NFS too,
// lets one of two links win. Each entry is a plain file under its key.

import { randomBytes } from "node:crypto";
import { link, mkdir, open, readdir, readFile, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { byCodeUnit, checkKey } from "@biovlm/files";
import { fileFailure, sweepOwnFolders, sweepTemporaries, syncFolder, systemCode, writeAll, writeFileAtomic } from "@biovlm/files/node";
import { JobsError } from "./errors.js";
import type { JobStore } from "./job-store.js";

/**
 * Opens the folder; it is made at the first write.
 * Operations reject with `FilesError`: `bad_key`, `disk_full`, `not_permitted`, `too_many_files`, `io_error`; a create with JobsError `store_failed` where
 * the file system knows no hard links.
 * @example const store = folderStore("/shared/job");
 */
export function folderStore(folder: string): JobStore {
  const pathOf = (key: string) => join(folder, ...checkKey(key).split("/"));
  return {
    async get(key) {
      const path = pathOf(key);
      try {
        return new Uint8Array(await readFile(path));
      } catch (error) {
        if (systemCode(error) === "ENOENT") return undefined;
        throw fileFailure(error, `reading ${path}`);
      }
    },
    async put(key, bytes) {
      await writeFileAtomic(pathOf(key), bytes);
    },
    create: async (key, bytes) => createOnce(pathOf(key), bytes),
    async list(below) {
      const path = pathOf(below);
      try {
        return (await readdir(path)).filter((name) => !name.startsWith(".")).sort(byCodeUnit);
      } catch (error) {
        if (systemCode(error) === "ENOENT") return [];
        throw fileFailure(error, `listing ${path}`);
      }
    },
    async remove(key) {
      const path = pathOf(key);
      try {
        await rm(path, { force: true });
      } catch (error) {
        throw fileFailure(error, `removing ${path}`);
      }
    },
  };
}

/**
 * Tries a conditional create, so that a store that takes none, or nothing at all, is found out before the work and not behind it.
 * @throws as `create` of the store does
 */
export async function checkCreates(store: JobStore): Promise<void> {
  const key = `begun/${PROBE}${randomBytes(6).toString("hex")}`;
  await store.create(key, new Uint8Array(0));
  await store.remove(key);
}

/** Begins the name of what was only tried. */
export const PROBE = "probe-";

/** Writes and syncs a temporary beside `path`, then links it there. False where something is there already. */
async function createOnce(path: string, bytes: Uint8Array): Promise<boolean> {
  const folder = dirname(path);
  // named as the temporaries of writeFileAtomic are, so that sweepTemporaries knows what a killed worker left (sweepFolderStore)
  const temporary = join(folder, `.${basename(path)}.${process.pid}-${randomBytes(6).toString("hex")}.tmp`);
  try {
    await mkdir(folder, { recursive: true });
    const file = await open(temporary, "wx", 0o644);
    try {
      await writeAll(file, bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    const made = await linked(temporary, path);
    if (made) await syncFolder(folder);
    return made;
  } catch (error) {
    throw fileFailure(error, `making ${path}`);
  } finally {
    await rm(temporary, { force: true }).catch(() => {});
  }
}

/** What link(2) says where the file system knows no hard links: the file beside it could be written. */
const NO_LINKS: ReadonlySet<string> = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"]);

/** False where there is something already. */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (systemCode(error) === "EEXIST") return false;
    throw NO_LINKS.has(systemCode(error)) ? noLinks(error) : error;
  }
}

function noLinks(cause: unknown): JobsError {
  return new JobsError(
    "store_failed",
    `store — expected a file system with hard links, of which one of two workers wins (POSIX, NFS), got one without (${systemCode(cause)}). Use a folder on another, or a bucket.`,
    { cause },
  );
}

/**
 * Removes what killed processes left in a store's folder beside its entries: what a plan sorted, and files that were being written, a day old.
 * Answers how many. Never throws: what cannot be removed stays.
 */
export async function sweepFolderStore(folder: string): Promise<number> {
  let removed = await sweepOwnFolders(folder);
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const below = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith(".")).map(({ name }) => join(folder, name));
  for (const place of [folder, ...below]) removed += (await sweepTemporaries(place, { shared: true })).length;
  return removed;
}

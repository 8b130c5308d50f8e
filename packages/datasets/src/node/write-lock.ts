// One writer of a file at a time: a lock file that names its holder and is touched while it lives. Advisory: what must be right is
// checked by digest before it is renamed into place, so the worst a lost lock costs is a second download.

import { randomUUID } from "node:crypto";
import { open, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { hostname } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { DatasetError } from "../errors.js";
import { storageFailure } from "./storage-failure.js";

export interface WriteLockOptions {
  /** how long another holder is waited for. Default 600 000 */
  readonly waitMs?: number;
  /** a lock not touched for this long is dead. Default 30 000 */
  readonly staleMs?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onWait?: () => void | undefined;
}

/** @throws DatasetError `locked`, `storage`, `aborted` */
export async function withWriteLock<T>(path: string, work: () => Promise<T>, options: WriteLockOptions = {}): Promise<T> {
  const { waitMs = 600_000, staleMs = 30_000, signal, onWait } = options;
  const holder = JSON.stringify({ pid: process.pid, host: hostname(), token: randomUUID() });
  const deadline = Date.now() + waitMs;
  for (let told = false; !(await create(path, holder)); ) {
    if (signal?.aborted)
      throw new DatasetError("aborted", "waiting for another process — stopped by the caller.", { cause: signal.reason });
    if (await isDead(path, staleMs)) {
      // Renamed away first, so that of two waiters only one removes it.
      const grave = `${path}.${randomUUID()}`;
      await rename(path, grave).catch(() => {});
      await rm(grave, { force: true });
      continue;
    }
    if (Date.now() >= deadline)
      throw new DatasetError(
        "locked",
        `writing — expected no other process at the same file, got one for ${waitMs} ms. Wait for it, or end it.`,
      );
    if (!told) onWait?.();
    told = true;
    await delay(100);
  }
  const beat = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => {}), Math.max(50, staleMs / 6));
  beat.unref();
  try {
    return await work();
  } finally {
    clearInterval(beat);
    if ((await readFile(path, "utf8").catch(() => "")) === holder) await rm(path, { force: true }).catch(() => {});
  }
}

async function create(path: string, holder: string): Promise<boolean> {
  try {
    const handle = await open(path, "wx");
    try {
      await handle.writeFile(holder);
    } finally {
      await handle.close();
    }
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw storageFailure(error, "locking the data folder");
  }
}

async function isDead(path: string, staleMs: number): Promise<boolean> {
  const info = await stat(path).catch(() => undefined);
  if (info === undefined) return false;
  if (Date.now() - info.mtimeMs > staleMs) return true;
  try {
    const { pid, host } = JSON.parse(await readFile(path, "utf8")) as { pid?: unknown; host?: unknown };
    if (host !== hostname() || !Number.isSafeInteger(pid) || (pid as number) <= 0) return false;
    process.kill(pid as number, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

// A lock between processes: a file made with O_EXCL that names its holder and is touched while the holder lives.
// A lock is stale, and taken over, when its holder's process is gone (same host) or its heartbeat stopped. Advisory: it keeps our own
// processes from doing the same work twice; what must never be torn is guarded by digests and renames, not by this.

import { randomUUID } from "node:crypto";
import { readlinkSync } from "node:fs";
import { type FileHandle, mkdir, open, readFile, stat, unlink, utimes } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { FilesError } from "../errors.js";
import { fileFailure, systemCode } from "../file-failure.js";
import { processRuns } from "./atomic-file.js";

/** Who holds a lock. */
export interface LockHolder {
  readonly pid: number;
  /** Host name and process namespace: process ids are compared only within one. */
  readonly host: string;
  readonly token: string;
}

/** How long a lock is waited for, and when another's counts as abandoned. */
export interface LockOptions {
  /** How long to wait for another holder. Default 60 000 ms; Infinity waits as long as the holder lives. */
  readonly waitMs?: number;
  /** A lock not touched for this long is stale. Default 30 000 ms; the heartbeat is a sixth of it. */
  readonly staleMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** Called once when another holder is found. */
  readonly onWait?: (holder: LockHolder | undefined) => void;
}

/**
 * Runs `work` while holding the lock file `path`, and removes it afterwards. The signal given to `work` aborts when the lock is lost
 * (another process judged us dead, e.g. after the machine slept).
 * Rejects with `FilesError`: `locked` after `waitMs`, or what `fileFailure` says; with the signal's reason when aborted.
 */
export async function withLock<T>(path: string, work: (lost: AbortSignal) => Promise<T>, options: LockOptions = {}): Promise<T> {
  const staleMs = options.staleMs ?? 30_000;
  const mine: LockHolder = { pid: process.pid, host: thisHost(), token: randomUUID() };
  await acquire(path, mine, staleMs, options);
  const lost = new AbortController();
  const beat = setInterval(() => void heartbeat(path, mine, lost), Math.max(50, staleMs / 6));
  beat.unref();
  try {
    return await work(options.signal === undefined ? lost.signal : AbortSignal.any([lost.signal, options.signal]));
  } finally {
    clearInterval(beat);
    if ((await readHolder(path))?.token === mine.token) await unlink(path).catch(() => {});
  }
}

async function acquire(path: string, mine: LockHolder, staleMs: number, options: LockOptions): Promise<void> {
  const deadline = Date.now() + (options.waitMs ?? 60_000);
  let told = false;
  for (let pause = 10; ; pause = Math.min(pause * 1.5, 250)) {
    options.signal?.throwIfAborted();
    if (await create(path, mine)) return;
    const holder = await readHolder(path);
    if (await isStale(path, holder, staleMs)) {
      await takeAway(path, holder, staleMs);
      continue;
    }
    if (!told) {
      told = true;
      options.onWait?.(holder);
    }
    if (Date.now() >= deadline) {
      const who = holder === undefined ? "another process" : `process ${holder.pid} on ${holder.host}`;
      throw new FilesError(
        "locked",
        `${path} is held by ${who} — expected it to be released within ${options.waitMs ?? 60_000} ms. Wait for that process, or end it.`,
      );
    }
    await delay(pause, undefined, { signal: options.signal }).catch(() => {
      throw options.signal?.reason;
    });
  }
}

async function create(path: string, mine: LockHolder): Promise<boolean> {
  let handle: FileHandle | undefined;
  try {
    await mkdir(dirname(path), { recursive: true });
    handle = await open(path, "wx");
    await handle.writeFile(JSON.stringify(mine));
    return true;
  } catch (error) {
    if (handle !== undefined) await unlink(path).catch(() => {});
    else if (systemCode(error) === "EEXIST") return false;
    throw fileFailure(error, `locking ${path}`);
  } finally {
    await handle?.close();
  }
}

async function readHolder(path: string): Promise<LockHolder | undefined> {
  try {
    const value = JSON.parse(await readFile(path, "utf8")) as Partial<LockHolder>;
    if (typeof value.pid === "number" && typeof value.host === "string" && typeof value.token === "string") return value as LockHolder;
  } catch {
    // absent, being written, or damaged: its age decides
  }
  return undefined;
}

async function isStale(path: string, holder: LockHolder | undefined, staleMs: number): Promise<boolean> {
  if (holder !== undefined && holder.host === thisHost() && !processRuns(holder.pid)) return true;
  const info = await stat(path).catch(() => undefined);
  return info !== undefined && Date.now() - info.mtimeMs > staleMs;
}

/** Removes a stale lock under a guard file, after looking again: two waiters must not remove each other's fresh lock. */
async function takeAway(path: string, seen: LockHolder | undefined, staleMs: number): Promise<void> {
  const guard = `${path}.takeover`;
  try {
    const handle = await open(guard, "wx");
    await handle.close();
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw fileFailure(error, `locking ${path}`);
    const info = await stat(guard).catch(() => undefined);
    if (info !== undefined && Date.now() - info.mtimeMs > 10_000) await unlink(guard).catch(() => {});
    await delay(20);
    return;
  }
  try {
    const now = await readHolder(path);
    if (now?.token === seen?.token && (await isStale(path, now, staleMs))) await unlink(path).catch(() => {});
  } finally {
    await unlink(guard).catch(() => {});
  }
}

async function heartbeat(path: string, mine: LockHolder, lost: AbortController): Promise<void> {
  const holder = await readHolder(path);
  if (holder?.token === mine.token) {
    const now = new Date();
    await utimes(path, now, now).catch(() => {});
  } else if (!lost.signal.aborted) {
    lost.abort(new FilesError("locked", `the lock ${path} was taken over — expected this process to hold it. Run the command again.`));
  }
}

let host: string | undefined;
/** This host and process namespace, as lock files name it. */
export function thisHost(): string {
  if (host === undefined) {
    host = hostname();
    try {
      host += ` ${readlinkSync("/proc/self/ns/pid")}`;
    } catch {
      // no /proc: the host name alone
    }
  }
  return host;
}

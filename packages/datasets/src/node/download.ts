// One file over HTTP into a part file beside its place: resumed with Range, retried after cuts, bounded in size, checked by MD5, then
// flushed and renamed. The file in place is the old one or the whole new one; a part that fails its digest is thrown away.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { DatasetError } from "../errors.js";
import { storageFailure } from "./storage-failure.js";

export interface DownloadOptions {
  readonly url: string;
  readonly path: string;
  /** published digest, hexadecimal */
  readonly md5: string;
  readonly maxBytes: number;
  readonly fetch?: typeof fetch;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (done: number, total: number | undefined) => void;
  /** attempts in a row without a new byte. Default 5 */
  readonly attempts?: number;
  /** after the first failure; doubled each time, 10 s at most. Default 500 */
  readonly retryDelayMs?: number;
  /** without a byte for this long, a connection is given up. Default 60 000 */
  readonly stallMs?: number;
}

/** @throws DatasetError `network`, `integrity`, `too_large`, `storage`, `aborted`; after `network` and `aborted` the part stays for a resume */
export async function downloadFile(options: DownloadOptions): Promise<void> {
  const part = `${options.path}.part`;
  let resumed = (await sizeOf(part)) > 0;
  for (;;) {
    await fetchAll(part, options);
    if ((await fileMd5(part, options.signal)) === options.md5) break;
    await rm(part, { force: true });
    // A part left by an earlier run may have been of another file: once more from the start.
    if (!resumed)
      throw new DatasetError(
        "integrity",
        "download — expected the published MD5, got another. The part was removed; run the command again, or use another mirror.",
      );
    resumed = false;
  }
  await putInPlace(part, options.path);
}

/** MD5 of a file, hexadecimal. @throws DatasetError `storage`, `aborted` */
export async function fileMd5(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash("md5");
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) {
      checkAborted(signal);
      hash.update(chunk as Buffer);
    }
  } catch (error) {
    throw storageFailure(error, "reading a data file");
  }
  return hash.digest("hex");
}

/** Flushes, renames, flushes the folder. */
export async function putInPlace(part: string, path: string): Promise<void> {
  try {
    const handle = await open(part, "r+");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(part, path);
    const folder = await open(dirname(path), "r").catch(() => undefined);
    await folder?.sync().catch(() => {});
    await folder?.close();
  } catch (error) {
    throw storageFailure(error, "writing a data file");
  }
}

export async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.size ?? 0;
}

async function fetchAll(part: string, options: DownloadOptions): Promise<void> {
  const { attempts = 5, retryDelayMs = 500, signal } = options;
  for (let idle = 0; ; ) {
    const before = await sizeOf(part);
    try {
      if (await fetchOnce(part, before, options)) return;
    } catch (error) {
      checkAborted(signal);
      if (error instanceof DatasetError && error.code === "storage") await rm(part, { force: true }).catch(() => {});
      if (error instanceof RestartNeeded) await rm(part, { force: true });
      else if (!(error instanceof PassingFailure)) throw error;
      idle = (await sizeOf(part)) > before ? 0 : idle + 1;
      if (idle >= attempts) throw new DatasetError("network", error.message, { cause: error.cause });
      await delay(
        Math.min(10_000, (error instanceof PassingFailure ? error.waitMs : undefined) ?? retryDelayMs * 2 ** idle),
        undefined,
        signal === undefined ? {} : { signal },
      ).catch(() => {});
      checkAborted(signal);
    }
  }
}

/** Worth another attempt. */
class PassingFailure extends Error {
  readonly waitMs: number | undefined;

  constructor(message: string, cause?: unknown, waitMs?: number) {
    super(message, { cause });
    this.waitMs = waitMs;
  }
}

/** The server does not go on from where the part ends. */
class RestartNeeded extends Error {}

/** True when the whole file is there. */
async function fetchOnce(
  part: string,
  have: number,
  { url, maxBytes, signal, stallMs = 60_000, onProgress, fetch: get = fetch }: DownloadOptions,
): Promise<boolean> {
  const stall = new AbortController();
  let timer = setTimeout(() => stall.abort(), stallMs);
  let handle: FileHandle | undefined;
  try {
    const response = await get(url, {
      headers: { "accept-encoding": "identity", ...(have > 0 ? { range: `bytes=${have}-` } : {}) },
      signal: signal === undefined ? stall.signal : AbortSignal.any([signal, stall.signal]),
    }).catch((cause: unknown) => {
      throw new PassingFailure(
        "download — expected a connection, got none. Check the network, or use --from with a folder that holds the file.",
        cause,
      );
    });
    const { start, total } = await bodyRange(response, have);
    const end = total ?? Number.POSITIVE_INFINITY;
    if ((total ?? 0) > maxBytes) {
      await response.body?.cancel();
      throw tooLarge(maxBytes);
    }
    handle = await open(part, "a+").catch((error) => {
      throw storageFailure(error, "writing a data file");
    });
    let at = start;
    const file = handle;
    const store = async (work: () => Promise<unknown>) => {
      try {
        await work();
      } catch (error) {
        throw storageFailure(error, "writing a data file");
      }
    };
    if (start < have) await store(() => file.truncate(start));
    onProgress?.(at, total);
    const reader = response.body!.getReader();
    for (;;) {
      const next = await reader.read().catch((cause: unknown) => {
        throw new PassingFailure("download — expected the rest of the file, got a cut connection. Run the command again to resume.", cause);
      });
      if (next.done) break;
      clearTimeout(timer);
      timer = setTimeout(() => stall.abort(), stallMs);
      if (at + next.value.length > Math.min(end, maxBytes)) {
        await reader.cancel().catch(() => {});
        throw tooLarge(Math.min(end, maxBytes));
      }
      await store(() => file.appendFile(next.value));
      at += next.value.length;
      onProgress?.(at, total);
    }
    if (total !== undefined && at < total)
      throw new PassingFailure("download — expected the rest of the file, got an early end. Run the command again to resume.");
    return true;
  } finally {
    clearTimeout(timer);
    await handle?.close();
  }
}

/** Where the body starts in the file, and the file's size. */
async function bodyRange(response: Response, have: number): Promise<{ start: number; total: number | undefined }> {
  const { status, headers } = response;
  const drop = () => response.body?.cancel().catch(() => {});
  if (/^text\/html\b/i.test(headers.get("content-type") ?? "")) {
    await drop();
    throw new DatasetError(
      "network",
      `download — expected a file, got a web page (status ${status}). A proxy or login page may stand in between; use --from with a folder that holds the file.`,
    );
  }
  const length = /^\d{1,15}$/.test(headers.get("content-length") ?? "") ? Number(headers.get("content-length")) : undefined;
  if (status === 200 && response.body !== null) return { start: 0, total: length };
  if (status === 206 && response.body !== null) {
    const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(headers.get("content-range") ?? "");
    if (match !== null && have > 0 && Number(match[1]) === have)
      return { start: have, total: match[3] === "*" ? undefined : Number(match[3]) };
  }
  await drop();
  // A range other than asked for, or one past the end: what is here cannot be gone on with.
  if (status === 206 || status === 416) throw new RestartNeeded("download — expected the range asked for, got another. Starting again.");
  const passing = status === 429 || status === 408 || status >= 500;
  const text = `download — expected the file, got status ${status}. ${passing ? "Try again later" : "The address may have changed; use --from with a folder that holds the file"}.`;
  const seconds = Number(headers.get("retry-after") ?? Number.NaN);
  if (passing) throw new PassingFailure(text, undefined, Number.isFinite(seconds) ? Math.max(0, seconds) * 1000 : undefined);
  throw new DatasetError("network", text);
}

function tooLarge(maxBytes: number): DatasetError {
  return new DatasetError("too_large", `download — expected at most ${maxBytes} bytes, got more. The address may serve another file.`);
}

function checkAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw new DatasetError("aborted", "download — stopped by the caller; run the command again to resume.", { cause: signal.reason });
}

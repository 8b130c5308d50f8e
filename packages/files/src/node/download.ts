// Fetches one file of known size and digest to a path: resumes, retries, verifies, and only then gives it its name.
// Written to `<target>.biovlm-incomplete`, which a later run continues; hashed as it arrives; fsync → rename → fsync of the folder.
// Not a client of any one hub: the request is a function. The caller holds the lock that keeps a second process away.

import type { Hash } from "node:crypto";
import { type FileHandle, mkdir, open, readFile, rename, rm, statfs, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { BiovlmError, FilesError } from "../errors.js";
import { syncFolder } from "./atomic-file.js";
import { fileFailure } from "./file-failure.js";
import { type ExpectedContent, feed, startHash } from "./hash-file.js";

export interface DownloadJob {
  /** What messages call the file, e.g. "owner/name/model.safetensors". */
  readonly label: string;
  readonly target: string;
  readonly expected: ExpectedContent;
  /** Folder that content with a wrong digest is moved to. */
  readonly quarantine: string;
  /** Sends a GET with these headers. A `FilesError` of code `network` may be tried again, any other ends the download. */
  readonly request: (headers: Record<string, string>, signal: AbortSignal) => Promise<Response>;
  /** Tries in a row that bring no new byte before giving up. Default 5. */
  readonly retries?: number | undefined;
  /** First pause between tries, doubled each time up to 30 s. Default 500 ms. */
  readonly backoffMs?: number | undefined;
  /** A transfer that brings no byte for so long is cut. Default 30 000 ms. */
  readonly stallMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((received: number, total: number) => void) | undefined;
}

export interface DownloadReport {
  readonly requests: number;
  /** bytes that an earlier run had left */
  readonly resumedFrom: number;
}

/** A failure after which another request is worth it. */
class Again extends Error {
  readonly failure: FilesError;
  readonly restart: boolean;
  readonly afterMs: number;

  constructor(failure: FilesError, options: { readonly restart?: boolean; readonly afterMs?: number } = {}) {
    super(failure.message);
    this.failure = failure;
    this.restart = options.restart ?? false;
    this.afterMs = options.afterMs ?? 0;
  }
}

interface Partial {
  readonly path: string;
  readonly handle: FileHandle;
  hash: Hash;
  size: number;
}

const MAX_REQUESTS = 1000;

/**
 * Resolves when `target` holds exactly the expected bytes. Rejects with `FilesError`: `network` (kept breaking), `integrity` (kept coming
 * with the wrong length or digest; the bytes are in quarantine), `hub_protocol` (HTML, false ranges), `disk_full`, `not_permitted`,
 * `too_many_files`, `io_error`; with the signal's reason when aborted. After `network` and an abort the partial file stays, to be resumed.
 */
export async function download(job: DownloadJob): Promise<DownloadReport> {
  const partial = await openPartial(job);
  const resumedFrom = partial.size;
  let [requests, fruitless, mismatches, furthest] = [0, 0, 0, partial.size];
  let keep = false;
  try {
    await requireSpace(job, partial);
    for (;;) {
      try {
        if (partial.size < job.expected.size || job.expected.size === 0) {
          requests++;
          await transfer(job, partial);
        }
        if (partial.hash.copy().digest("hex") === job.expected.digest.hex) break;
        mismatches++;
        throw new Again(wrongContent(job, "its digest does not match"), { restart: true });
      } catch (error) {
        if (!(error instanceof Again)) throw error;
        if (partial.size > furthest) [furthest, fruitless] = [partial.size, 0];
        else fruitless++;
        const hopeless = mismatches > 1 || fruitless > (job.retries ?? 5) || requests >= MAX_REQUESTS;
        if (hopeless && error.failure.code === "integrity") await quarantine(job, partial);
        if (hopeless) throw error.failure;
        if (error.restart) await restart(job, partial);
        const pause = Math.max(error.afterMs, Math.min((job.backoffMs ?? 500) * 2 ** fruitless, 30_000));
        await delay(pause, undefined, { signal: job.signal }).catch(() => job.signal?.throwIfAborted());
      }
    }
    await partial.handle.sync();
    await rename(partial.path, job.target);
    await syncFolder(dirname(job.target));
  } catch (error) {
    keep = job.signal?.aborted === true || (error instanceof BiovlmError && (error.code === "network" || error.code === "hub_protocol"));
    if (job.signal?.aborted) throw job.signal.reason;
    throw fileFailure(error, `writing ${job.target}`);
  } finally {
    await partial.handle.close().catch(() => {});
    if (!keep) await Promise.all([partial.path, validatorPath(partial)].map((path) => rm(path, { force: true }).catch(() => {})));
  }
  return { requests, resumedFrom };
}

async function openPartial(job: DownloadJob): Promise<Partial> {
  const path = `${job.target}.biovlm-incomplete`;
  try {
    await mkdir(dirname(path), { recursive: true });
    const handle = await open(path, "a")
      .then((created) => created.close())
      .then(() => open(path, "r+"));
    const partial: Partial = { path, handle, hash: startHash(job.expected), size: (await handle.stat()).size };
    if (partial.size > job.expected.size) await restart(job, partial);
    else if (partial.size > 0) await feed(path, (bytes) => partial.hash.update(bytes), job.signal);
    return partial;
  } catch (error) {
    if (job.signal?.aborted) throw job.signal.reason;
    throw fileFailure(error, `writing ${path}`);
  }
}

async function restart(job: DownloadJob, partial: Partial): Promise<void> {
  await partial.handle.truncate(0);
  partial.size = 0;
  partial.hash = startHash(job.expected);
}

/** Refuses at once what cannot fit, instead of filling the disk first. */
async function requireSpace(job: DownloadJob, partial: Partial): Promise<void> {
  const info = await statfs(dirname(partial.path)).catch(() => undefined);
  const missing = job.expected.size - partial.size;
  if (info === undefined || info.bavail * info.bsize >= missing) return;
  const free = Math.floor((info.bavail * info.bsize) / 1e6);
  throw new FilesError(
    "disk_full",
    `no room for ${job.label} — expected ${Math.ceil(missing / 1e6)} MB free, got ${free} MB. Free some space, or set HF_HUB_CACHE to another disk.`,
  );
}

/** One request: appends what it brings to the partial file. */
async function transfer(job: DownloadJob, partial: Partial): Promise<void> {
  const headers: Record<string, string> = {};
  if (partial.size > 0) {
    headers["range"] = `bytes=${partial.size}-`;
    const validator = await readFile(validatorPath(partial), "utf8").catch(() => "");
    if (/^"[\x21\x23-\x7e]{1,200}"$/.test(validator)) headers["if-range"] = validator;
  }
  const control = new AbortController();
  const signal = job.signal === undefined ? control.signal : AbortSignal.any([control.signal, job.signal]);
  const response = await job.request(headers, signal).catch((error: unknown) => {
    if (error instanceof BiovlmError && error.code === "network") throw new Again(error);
    throw error;
  });
  try {
    await acceptHead(job, partial, response);
    await appendBody(job, partial, response, control);
  } finally {
    control.abort();
    await response.body?.cancel().catch(() => {});
  }
}

/** Judges status and headers; leaves `partial` where the body continues it. */
async function acceptHead(job: DownloadJob, partial: Partial, response: Response): Promise<void> {
  const { status, headers } = response;
  if (status === 416) throw new Again(lie(job, `416 for a range from ${partial.size} of ${job.expected.size} bytes`), { restart: true });
  if (status === 408 || status === 429 || status >= 500) {
    const after = Number(headers.get("retry-after") ?? 0) * 1000;
    throw new Again(new FilesError("network", `the server answers ${status} for ${job.label} — expected the file. Try again later.`), {
      afterMs: after > 0 && after <= 120_000 ? after : 0,
    });
  }
  if (status !== 200 && status !== 206) throw lie(job, `status ${status}`);
  if (/^text\/html\b/i.test(headers.get("content-type") ?? "") && !/\.html?$/i.test(job.label)) {
    throw lie(job, "a web page (a network's sign-in page, or a proxy's refusal)");
  }
  if (headers.get("content-encoding") !== null && headers.get("content-encoding") !== "identity") throw lie(job, "a compressed body");
  if (status === 206) {
    const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(headers.get("content-range") ?? "");
    const fits =
      range !== null &&
      Number(range[1]) === partial.size &&
      Number(range[2]) < job.expected.size &&
      (range[3] === "*" || Number(range[3]) === job.expected.size);
    if (!fits || partial.size === 0) throw new Again(lie(job, "a range that was not asked for"), { restart: true });
    return;
  }
  const length = headers.get("content-length");
  if (length !== null && Number(length) !== job.expected.size)
    throw new Again(wrongContent(job, `the server offers ${length} bytes`), { restart: true });
  // 200: the whole file, from its start
  await restart(job, partial);
  const validator = headers.get("etag");
  if (validator?.startsWith('"')) await writeFile(validatorPath(partial), validator);
}

async function appendBody(job: DownloadJob, partial: Partial, response: Response, control: AbortController): Promise<void> {
  if (response.body === null)
    throw new Again(new FilesError("network", `the server sent nothing for ${job.label} — expected the file. Try again later.`));
  const stallMs = job.stallMs ?? 30_000;
  const cut = () => control.abort(new Error(`no byte for ${stallMs} ms`));
  let timer = setTimeout(cut, stallMs);
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((error: unknown) => {
        job.signal?.throwIfAborted();
        throw new Again(
          new FilesError(
            "network",
            `the connection broke after ${partial.size} of ${job.expected.size} bytes of ${job.label}. Run the command again: it resumes.`,
            { cause: error },
          ),
        );
      });
      clearTimeout(timer);
      if (done) break;
      if (partial.size + value.length > job.expected.size)
        throw new Again(wrongContent(job, "the server sends more bytes"), { restart: true });
      for (let at = 0; at < value.length; ) {
        const { bytesWritten } = await partial.handle.write(value, at, value.length - at, partial.size);
        partial.hash.update(value.subarray(at, at + bytesWritten));
        partial.size += bytesWritten;
        at += bytesWritten;
      }
      job.onProgress?.(partial.size, job.expected.size);
      timer = setTimeout(cut, stallMs);
    }
  } finally {
    clearTimeout(timer);
    reader.releaseLock();
  }
  if (partial.size < job.expected.size) {
    throw new Again(
      new FilesError(
        "network",
        `the connection ended after ${partial.size} of ${job.expected.size} bytes of ${job.label}. Run the command again: it resumes.`,
      ),
    );
  }
}

async function quarantine(job: DownloadJob, partial: Partial): Promise<void> {
  if (partial.size === 0) return;
  await mkdir(job.quarantine, { recursive: true }).catch(() => {});
  await rename(partial.path, join(job.quarantine, `${basename(job.target)}-${Date.now().toString(36)}`)).catch(() => {});
}

function validatorPath(partial: Partial): string {
  return `${partial.path}.etag`;
}

function wrongContent(job: DownloadJob, got: string): FilesError {
  const { size, digest } = job.expected;
  return new FilesError(
    "integrity",
    `${job.label} arrives damaged — expected ${size} bytes with ${digest.kind} ${digest.hex}, got other content: ${got}. Try again, or another mirror (HF_ENDPOINT).`,
  );
}

function lie(job: DownloadJob, got: string): FilesError {
  return new FilesError(
    "hub_protocol",
    `the server does not give ${job.label} — expected its bytes, got ${got}. Check the network and HF_ENDPOINT.`,
  );
}

// Fetches one file of known digest to a path: resumes, retries, verifies, and only then gives it its name.
// Written to `<target>.biovlm-incomplete`, which a later run continues; hashed as it arrives; fsync → rename → fsync of the folder.
// Its size is known beforehand, or bounded. Not a client of any one hub: the request is a function, and what to do about its failures is
// the caller's word. The caller holds the lock that keeps a second process away.

import type { Hash } from "node:crypto";
import { type FileHandle, mkdir, open, readFile, rename, rm, statfs, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { BiovlmError, FilesError } from "../errors.js";
import { fileFailure } from "../file-failure.js";
import { syncFile, syncFolder } from "./atomic-file.js";
import { type ExpectedContent, type ExpectedDigest, feed, startHash } from "./hash-file.js";

/** One file to fetch: from where, to where, and what it must be. */
export interface DownloadJob {
  /** What messages call the file, e.g. "owner/name/model.safetensors". */
  readonly label: string;
  readonly target: string;
  /** The file's size and digest, or its digest and a bound where the size is told by the server alone. */
  readonly expected: ExpectedContent | { readonly size?: undefined; readonly maxBytes: number; readonly digest: ExpectedDigest };
  /** Folder that content with a wrong digest is moved to; without one it is removed. */
  readonly quarantine?: string | undefined;
  /** What to do, as ends of sentences, beside what is always so. */
  readonly advice: {
    /** where the disk is full: "set HF_HUB_CACHE to another disk" */
    readonly space: string;
    /** where the server's answer cannot be the file: "check HF_ENDPOINT" */
    readonly source: string;
  };
  /** Sends a GET with these headers. A `FilesError` of code `network` may be tried again, any other ends the download. */
  readonly request: (headers: Record<string, string>, signal: AbortSignal) => Promise<Response>;
  /** Tries in a row that bring no new byte before giving up. Default 5. */
  readonly retries?: number | undefined;
  /** First pause between tries, doubled each time up to 30 s. Default 500 ms. */
  readonly backoffMs?: number | undefined;
  /** A transfer that brings no byte for so long is cut. Default 30 000 ms. */
  readonly stallMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** `total` is undefined until the size is known. */
  readonly onProgress?: ((received: number, total: number | undefined) => void) | undefined;
}

/** What a download took. */
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
  /** the file's size, once somebody has told it */
  total: number | undefined;
}

const MAX_REQUESTS = 1000;

/**
 * Resolves when `target` holds exactly the expected bytes. Rejects with `FilesError`: `network` (kept breaking), `integrity` (kept coming
 * with the wrong length or digest; the bytes are in quarantine), `too_large` (more than `maxBytes`), `hub_protocol` (HTML, false ranges), `disk_full`, `not_permitted`,
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
        if (partial.size > 0 && isWhole(job, partial)) break;
        if (partial.total === undefined || partial.size < partial.total || partial.total === 0) {
          requests++;
          await transfer(job, partial);
        }
        if (isWhole(job, partial)) break;
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
    const { size } = await handle.stat();
    const partial: Partial = { path, handle, hash: startHash(job.expected), size, total: job.expected.size };
    if (partial.size > mostBytes(job)) await restart(job, partial);
    else if (partial.size > 0) await feed(path, (bytes) => partial.hash.update(bytes), job.signal);
    return partial;
  } catch (error) {
    if (job.signal?.aborted) throw job.signal.reason;
    throw fileFailure(error, `writing ${path}`);
  }
}

/** All bytes that there can be. */
function mostBytes({ expected }: DownloadJob): number {
  return expected.size ?? expected.maxBytes;
}

function isWhole(job: DownloadJob, partial: Partial): boolean {
  return partial.hash.copy().digest("hex") === job.expected.digest.hex;
}

async function restart(job: DownloadJob, partial: Partial): Promise<void> {
  await partial.handle.truncate(0);
  partial.size = 0;
  partial.total = job.expected.size;
  partial.hash = startHash(job.expected);
}

/** Refuses at once what cannot fit, instead of filling the disk first. */
async function requireSpace(job: DownloadJob, partial: Partial): Promise<void> {
  if (partial.total === undefined) return;
  const info = await statfs(dirname(partial.path)).catch(() => undefined);
  const missing = partial.total - partial.size;
  if (info === undefined || info.bavail * info.bsize >= missing) return;
  const free = Math.floor((info.bavail * info.bsize) / 1e6);
  throw new FilesError(
    "disk_full",
    `no room for ${job.label} — expected ${Math.ceil(missing / 1e6)} MB free, got ${free} MB. Free some space, or ${job.advice.space}.`,
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
  if (status === 416)
    throw new Again(lie(job, `416 for a range from ${partial.size} of ${partial.total ?? "unknown"} bytes`), { restart: true });
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
    const range = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(headers.get("content-range") ?? "");
    const whole = range === null || range[3] === "*" ? undefined : Number(range[3]);
    const fits =
      range !== null &&
      Number(range[1]) === partial.size &&
      Number(range[2]) < (partial.total ?? whole ?? mostBytes(job)) &&
      (whole === undefined || partial.total === undefined || whole === partial.total);
    if (!fits || partial.size === 0) throw new Again(lie(job, "a range that was not asked for"), { restart: true });
    await learnSize(job, partial, whole);
    return;
  }
  const length = headers.get("content-length");
  if (length !== null && job.expected.size !== undefined && Number(length) !== job.expected.size)
    throw new Again(wrongContent(job, `the server offers ${length} bytes`), { restart: true });
  // 200: the whole file, from its start
  await restart(job, partial);
  if (length !== null && /^\d{1,15}$/.test(length)) await learnSize(job, partial, Number(length));
  const validator = headers.get("etag");
  if (validator?.startsWith('"')) await writeFile(validatorPath(partial), validator);
}

/** The size that the server tells, where none was known: refused at once when it is too much, or does not fit on the disk. */
async function learnSize(job: DownloadJob, partial: Partial, total: number | undefined): Promise<void> {
  if (job.expected.size !== undefined || total === undefined) return;
  if (total > mostBytes(job)) throw tooLarge(job, `${total} bytes`);
  partial.total = total;
  await requireSpace(job, partial);
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
          new FilesError("network", `the connection broke after ${progress(partial)} of ${job.label}. Run the command again: it resumes.`, {
            cause: error,
          }),
        );
      });
      clearTimeout(timer);
      if (done) break;
      if (partial.total === undefined && partial.size + value.length > mostBytes(job)) throw tooLarge(job, "more");
      if (partial.total !== undefined && partial.size + value.length > partial.total)
        throw new Again(wrongContent(job, "the server sends more bytes"), { restart: true });
      for (let at = 0; at < value.length; ) {
        const { bytesWritten } = await partial.handle.write(value, at, value.length - at, partial.size);
        partial.hash.update(value.subarray(at, at + bytesWritten));
        partial.size += bytesWritten;
        at += bytesWritten;
      }
      job.onProgress?.(partial.size, partial.total);
      timer = setTimeout(cut, stallMs);
    }
  } finally {
    clearTimeout(timer);
    reader.releaseLock();
  }
  if (partial.size < (partial.total ?? 0)) {
    throw new Again(
      new FilesError("network", `the connection ended after ${progress(partial)} of ${job.label}. Run the command again: it resumes.`),
    );
  }
}

async function quarantine(job: DownloadJob, partial: Partial): Promise<void> {
  if (partial.size === 0 || job.quarantine === undefined) return;
  await mkdir(job.quarantine, { recursive: true }).catch(() => {});
  await rename(partial.path, join(job.quarantine, `${basename(job.target)}-${Date.now().toString(36)}`)).catch(() => {});
}

function validatorPath(partial: Partial): string {
  return `${partial.path}.etag`;
}

const progress = ({ size, total }: Partial) => `${size}${total === undefined ? "" : ` of ${total}`} bytes`;

function wrongContent(job: DownloadJob, got: string): FilesError {
  const { size, digest } = job.expected;
  const wanted = `${size === undefined ? "" : `${size} bytes with `}${digest.kind} ${digest.hex}`;
  return new FilesError(
    "integrity",
    `${job.label} arrives damaged — expected ${wanted}, got other content: ${got}. Try again, or ${job.advice.source}.`,
  );
}

function tooLarge(job: DownloadJob, got: string): FilesError {
  return new FilesError(
    "too_large",
    `${job.label} — expected at most ${mostBytes(job)} bytes, got ${got}. The address may serve another file; ${job.advice.source}.`,
  );
}

function lie(job: DownloadJob, got: string): FilesError {
  return new FilesError(
    "hub_protocol",
    `the server does not give ${job.label} — expected its bytes, got ${got}. Check the network, or ${job.advice.source}.`,
  );
}

/**
 * Gives a finished file its name: flushed, renamed over what is there, the folder flushed.
 * @throws FilesError as `fileFailure` says
 */
export async function putInPlace(part: string, path: string): Promise<void> {
  try {
    await syncFile(part);
    await rename(part, path);
    await syncFolder(dirname(path));
  } catch (error) {
    throw fileFailure(error, `writing ${path}`);
  }
}

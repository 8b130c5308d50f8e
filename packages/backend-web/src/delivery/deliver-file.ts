// Brings a file of known sha256 and size into a page: kept in pieces as it comes, so that a broken download goes on where it stopped, also after
// a reload; checked as a whole before it is handed out; downloaded without being kept where there is no room. Models, banks, anything.

import { BiovlmError, type ByteStore } from "@biovlm/files";
import { ModelError, sha256 } from "@biovlm/model";
import { clearStore, storageRoom } from "./page-storage.js";

/** A file of known size and digest that a page needs: a graph, weights, a table. */
export interface FileToDeliver {
  readonly url: string | URL;
  /** 64 hex digits, with or without "sha256:" before them */
  readonly sha256: string;
  /** exact size */
  readonly bytes: number;
}

/** How a file is fetched and where it is kept; every option has a default. */
export interface DeliverOptions {
  /** where it is kept; nowhere when absent */
  readonly store?: ByteStore | undefined;
  readonly onProgress?: (received: number, bytes: number) => void;
  readonly signal?: AbortSignal | undefined;
  /** the page's own unless given */
  readonly fetch?: typeof globalThis.fetch;
  /** bytes that may still be kept; the browser's answer unless given */
  readonly room?: () => Promise<number | undefined>;
  /** milliseconds before the first retry, doubled each time: 250 unless said */
  readonly retryDelay?: number;
}

/** A delivered file: its bytes, already checked against the digest. */
export interface Delivered {
  readonly bytes: Uint8Array;
  /** bytes that were already there: all of them when nothing was downloaded */
  readonly resumedAt: number;
  /** why it was not kept, where a store was given */
  readonly notKept?: string;
}

const PIECE = 4 * 2 ** 20;
/** Failures in a row without one new byte before it gives up. */
const PATIENCE = 5;
const MOST_BYTES = 2 ** 31 - 1;

/**
 * Delivers a file.
 * @throws ModelError `integrity` (other content than the sha256 says; nothing of it is kept), `network`, `not_found`, `hub_refused`,
 * `hub_protocol`, `bad_digest`, `bad_argument`; the signal's reason.
 * @example const { bytes } = await deliverFile({ url: "/models/tiny.safetensors", sha256, bytes: 5_600_000 }, { store, onProgress });
 */
export async function deliverFile(file: FileToDeliver, options: DeliverOptions = {}): Promise<Delivered> {
  const digest = checkedDigest(file);
  const delivery = new Delivery(file, digest, options);
  await delivery.takeKept();
  const resumedAt = delivery.at;
  if (resumedAt < file.bytes) await delivery.download();
  if (!(await delivery.sound())) {
    await delivery.forget();
    if (resumedAt === 0) throw delivery.wrongContent();
    // what was kept may be to blame: once more, from nothing
    await delivery.download();
    if (!(await delivery.sound())) {
      await delivery.forget();
      throw delivery.wrongContent();
    }
    return delivery.result(0);
  }
  return delivery.result(resumedAt);
}

function checkedDigest({ sha256, bytes }: FileToDeliver): string {
  const hex = /^(?:sha256:)?([0-9a-f]{64})$/.exec(sha256)?.[1];
  if (hex === undefined)
    throw new ModelError("bad_digest", `file sha256 — expected 64 hex digits, got ${JSON.stringify(sha256)}. Correct it.`);
  if (!Number.isSafeInteger(bytes) || bytes < 1 || bytes > MOST_BYTES) {
    throw new ModelError("bad_argument", `file size — expected 1 to ${MOST_BYTES} bytes, got ${bytes}. Correct it.`);
  }
  return hex;
}

class Delivery {
  /** bytes that are there */
  at = 0;
  private readonly file: FileToDeliver;
  private readonly digest: string;
  private readonly options: DeliverOptions;
  private readonly buffer: Uint8Array<ArrayBuffer>;
  /** pieces that lie in the store */
  private stored = 0;
  private notKept: string | undefined;

  constructor(file: FileToDeliver, digest: string, options: DeliverOptions) {
    this.file = file;
    this.digest = digest;
    this.options = options;
    this.buffer = new Uint8Array(file.bytes);
  }

  /** Reads the pieces that an earlier delivery kept. A store that cannot be read counts as empty. */
  async takeKept(): Promise<void> {
    const { store } = this.options;
    if (store === undefined) return;
    try {
      for (let piece: Uint8Array | undefined; this.at < this.file.bytes; this.at += piece.length, this.stored++) {
        piece = await store.get(this.key(this.stored));
        if (piece?.length !== Math.min(PIECE, this.file.bytes - this.at)) return;
        this.buffer.set(piece, this.at);
      }
    } catch (error) {
      this.notKept = reasonOf(error);
    }
  }

  /** Downloads what is missing. */
  async download(): Promise<void> {
    const { signal, retryDelay = 250 } = this.options;
    await this.askForRoom();
    for (let failures = 0; this.at < this.file.bytes; ) {
      signal?.throwIfAborted();
      const before = this.at;
      try {
        await this.request();
      } catch (error) {
        if (signal?.aborted === true) throw signal.reason;
        if (error instanceof BiovlmError) throw error;
        failures = this.at > before ? 1 : failures + 1;
        if (failures >= PATIENCE)
          throw this.failure("network", "an answer", reasonOf(error), "Check the connection; it goes on from here.", error);
        await pause(retryDelay * 2 ** (failures - 1), signal);
      }
    }
    await this.keep();
  }

  async sound(): Promise<boolean> {
    return (await sha256(this.buffer)) === `sha256:${this.digest}`;
  }

  /** Drops everything, here and in the store. */
  async forget(): Promise<void> {
    this.at = 0;
    this.stored = 0;
    const { store } = this.options;
    if (store !== undefined) await clearStore(store, this.key()).catch(() => 0);
  }

  wrongContent(): ModelError {
    return this.failure("integrity", `content of sha256 ${this.digest}`, "other content", "Nothing of it was kept; ask whoever serves it.");
  }

  result(resumedAt: number): Delivered {
    const { bytes, notKept } = { bytes: this.buffer, notKept: this.notKept };
    return notKept === undefined || this.options.store === undefined ? { bytes, resumedAt } : { bytes, resumedAt, notKept };
  }

  private key(piece?: number): string {
    return `files/${this.digest}/${piece === undefined ? "" : String(piece).padStart(4, "0")}`;
  }

  private async askForRoom(): Promise<void> {
    if (this.options.store === undefined) return;
    const { room = async () => (await storageRoom()).free } = this.options;
    const free = await room();
    const needed = this.file.bytes - this.at;
    if (free !== undefined && free < needed) {
      this.notKept = `the browser has room for ${free} more bytes, and ${needed} are needed`;
    }
  }

  private async request(): Promise<void> {
    const { fetch = globalThis.fetch, signal } = this.options;
    const answer = await fetch(this.file.url, {
      headers: this.at > 0 ? { Range: `bytes=${this.at}-` } : {},
      credentials: "same-origin",
      referrerPolicy: "no-referrer",
      cache: "no-store",
      ...(signal === undefined ? {} : { signal }),
    });
    try {
      this.accept(answer);
      await this.read(answer);
    } finally {
      await answer.body?.cancel().catch(() => {});
    }
  }

  /** Checks the answer's head, and where it starts. */
  private accept({ status, headers }: Response): void {
    if (status === 200) {
      const length = headers.get("Content-Length");
      if (length !== null && headers.get("Content-Encoding") === null && Number(length) !== this.file.bytes) {
        throw this.failure("integrity", `${this.file.bytes} bytes`, length, "Ask whoever serves it.");
      }
      // a server without ranges begins again
      this.at = 0;
      return;
    }
    if (status === 206) {
      const range = headers.get("Content-Range") ?? "no Content-Range";
      const [, from, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(range) ?? [];
      if (Number(from) === this.at && (total === "*" || Number(total) === this.file.bytes)) return;
      throw this.failure("hub_protocol", `bytes ${this.at}- of ${this.file.bytes}`, range, "Ask whoever serves it.");
    }
    if (status === 416) {
      this.at = 0;
      throw new Error("the server has no such range");
    }
    if (status === 404 || status === 410) throw this.failure("not_found", "the file", `status ${status}`, "Check the address.");
    if (status === 401 || status === 403) throw this.failure("hub_refused", "the file", `status ${status}`, "Log in, or ask for access.");
    if (status >= 500 || status === 429 || status === 408) throw new Error(`status ${status}`);
    throw this.failure("hub_protocol", "the file", `status ${status}`, "Check the address.");
  }

  private async read(answer: Response): Promise<void> {
    if (answer.body === null) throw new Error("an empty answer");
    const reader = answer.body.getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        if (this.at + value.length > this.file.bytes) {
          throw this.failure("integrity", `${this.file.bytes} bytes`, "more", "Ask whoever serves it.");
        }
        this.buffer.set(value, this.at);
        this.at += value.length;
        this.options.onProgress?.(this.at, this.file.bytes);
        if (this.at - this.stored * PIECE >= PIECE) await this.keep();
      }
    } finally {
      reader.releaseLock();
    }
    if (this.at < this.file.bytes) throw new Error(`the connection ended after ${this.at} of ${this.file.bytes} bytes`);
  }

  /** Puts whole pieces, and the last one, into the store. A store that refuses is given up, not the download. */
  private async keep(): Promise<void> {
    const { store } = this.options;
    if (store === undefined || this.notKept !== undefined) return;
    try {
      for (;;) {
        const from = this.stored * PIECE;
        const to = Math.min(from + PIECE, this.file.bytes);
        if (from >= this.file.bytes || to > this.at) return;
        await store.put(this.key(this.stored), this.buffer.subarray(from, to));
        this.stored++;
      }
    } catch (error) {
      this.notKept = reasonOf(error);
      await clearStore(store, this.key()).catch(() => 0);
    }
  }

  private failure(
    code: ConstructorParameters<typeof ModelError>[0],
    wanted: string,
    got: string,
    remedy: string,
    cause?: unknown,
  ): ModelError {
    return new ModelError(code, `file ${fileName(this.file.url)} — expected ${wanted}, got ${got}. ${remedy}`, { cause });
  }
}

/** The last part of the path: addresses may carry tokens. */
function fileName(url: string | URL): string {
  const [address = ""] = String(url).split(/[?#]/);
  return JSON.stringify(address.slice(address.lastIndexOf("/") + 1, address.lastIndexOf("/") + 81));
}

function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/[\s.]+$/, "");
}

function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

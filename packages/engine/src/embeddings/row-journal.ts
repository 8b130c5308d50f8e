// Rows that are already embedded, kept while a long `embed` runs: an append-only file beside the output, keyed by content.
// Killed at any moment it holds whole rows and at most one torn one, which is cut off when it is opened again.
//
// Layout, little-endian: magic "BIOVLMJ1" · u32 D · 32 bytes key · u32 CRC-32 of these 44 · then records of
// 32 bytes sha256 of the image file · D float32 · u32 CRC-32 of both.

import { constants } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { crc32 } from "node:zlib";
import type { RowSource } from "./row-source.js";

const MAGIC = Buffer.from("BIOVLMJ1", "latin1");
const HEADER_BYTES = 48;
/** Read at once where rows are asked for in order. */
const AHEAD_BYTES = 128 * 1024;

/** Rows of embeddings [D] float32 on disk while a run goes on, found again by content digest; a torn last row is cut off at opening. */
export class RowJournal implements RowSource {
  readonly path: string;
  readonly D: number;
  /** What opening found: rows taken over, and whether rows of another model or setting were dropped. */
  readonly opened: { readonly rows: number; readonly otherKey: boolean };
  readonly #handle: FileHandle;
  readonly #index: Map<string, number>;
  #end: number;
  /** where the row after the one asked for last begins */
  #next = 0;
  #ahead: { readonly at: number; readonly bytes: Uint8Array } = { at: 0, bytes: new Uint8Array(0) };
  #open = true;

  private constructor(path: string, D: number, handle: FileHandle, index: Map<string, number>, end: number, otherKey: boolean) {
    this.path = path;
    this.D = D;
    this.#handle = handle;
    this.#index = index;
    this.#end = end;
    this.opened = { rows: index.size, otherKey };
  }

  /** Opens or makes the journal. `key` (32 bytes) stands for model, preprocessing and options; rows of another key are dropped. */
  static async open(path: string, key: Uint8Array, D: number): Promise<RowJournal> {
    const handle = await open(path, constants.O_RDWR | constants.O_CREAT, 0o644);
    try {
      const header = journalHeader(key, D);
      const present = Buffer.alloc(HEADER_BYTES);
      const { bytesRead } = await handle.read(present, 0, HEADER_BYTES, 0);
      const index = new Map<string, number>();
      let end = HEADER_BYTES;
      const same = bytesRead === HEADER_BYTES && present.equals(header);
      if (same) end = await scan(handle, D, index);
      else await writeFully(handle, header, 0);
      await handle.truncate(end);
      return new RowJournal(path, D, handle, index, end, !same && bytesRead > 0);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  get size(): number {
    return this.#index.size;
  }

  has(sha256: string): boolean {
    return this.#index.has(sha256);
  }

  /** The row's D float32 as bytes. Rows asked for in their order in the file are read many at a time. */
  async read(sha256: string): Promise<Uint8Array> {
    const at = this.#index.get(sha256);
    if (at === undefined) throw new RangeError(`no row for ${sha256}`);
    const [from, length] = [at + 32, this.D * 4];
    const inOrder = at === this.#next;
    this.#next = at + recordBytes(this.D);
    const kept = from - this.#ahead.at;
    if (kept >= 0 && kept + length <= this.#ahead.bytes.length) return this.#ahead.bytes.slice(kept, kept + length);
    const bytes = new Uint8Array(inOrder ? Math.max(length, Math.min(AHEAD_BYTES, this.#end - from)) : length);
    const { bytesRead } = await this.#handle.read(bytes, 0, bytes.length, from);
    // what is written is never changed: what was read stays true
    this.#ahead = { at: from, bytes: bytes.subarray(0, bytesRead) };
    return bytes.slice(0, length);
  }

  /** Appends rows in one write; content already there is left alone. `data` is [rows, D]. */
  async append(hashes: readonly string[], data: Float32Array): Promise<void> {
    const fresh = hashes.map((sha256, row) => ({ sha256, row })).filter(({ sha256 }) => !this.#index.has(sha256));
    const bytes = Buffer.alloc(fresh.length * recordBytes(this.D));
    const rowBytes = this.D * 4;
    const rows = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    for (const [i, { sha256, row }] of fresh.entries()) {
      const at = i * recordBytes(this.D);
      bytes.write(sha256, at, "hex");
      bytes.set(rows.subarray(row * rowBytes, (row + 1) * rowBytes), at + 32);
      bytes.writeUInt32LE(crc32(bytes.subarray(at, at + 32 + rowBytes)), at + 32 + rowBytes);
    }
    await writeFully(this.#handle, bytes, this.#end);
    for (const [i, { sha256 }] of fresh.entries()) this.#index.set(sha256, this.#end + i * recordBytes(this.D));
    this.#end += bytes.length;
  }

  async sync(): Promise<void> {
    await this.#handle.datasync();
  }

  /** Idempotent. */
  async close(): Promise<void> {
    if (this.#open) await this.#handle.close();
    this.#open = false;
  }

  /** Closes and deletes: its rows are in the output now. */
  async remove(): Promise<void> {
    await this.close();
    await rm(this.path, { force: true });
  }
}

function recordBytes(D: number): number {
  return 36 + D * 4;
}

function journalHeader(key: Uint8Array, D: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(header, 0);
  header.writeUInt32LE(D, 8);
  header.set(key.subarray(0, 32), 12);
  header.writeUInt32LE(crc32(header.subarray(0, 44)), 44);
  return header;
}

/** Indexes whole, intact records; returns where they end. */
async function scan(handle: FileHandle, D: number, index: Map<string, number>): Promise<number> {
  const bytes = recordBytes(D);
  const perRead = Math.max(1, Math.floor((1 << 20) / bytes));
  const buffer = Buffer.alloc(perRead * bytes);
  for (let at = HEADER_BYTES; ; ) {
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, at);
    const whole = Math.floor(bytesRead / bytes);
    for (let i = 0; i < whole; i++) {
      const record = buffer.subarray(i * bytes, (i + 1) * bytes);
      if (crc32(record.subarray(0, bytes - 4)) !== record.readUInt32LE(bytes - 4)) return at + i * bytes;
      index.set(record.toString("hex", 0, 32), at + i * bytes);
    }
    at += whole * bytes;
    if (whole < perRead) return at;
  }
}

async function writeFully(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

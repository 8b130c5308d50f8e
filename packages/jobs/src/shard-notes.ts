// What is kept of a shard's work before the shard is done: whole chunks, and of the chunk that is worked on what there is of it, once that took long
// enough. Both lie in the store behind a digest of what they are of, so that a torn one, and one of another job, counts as none.

import { inOrder } from "@biovlm/files";
import { checkpointKey, type Job, pieceKey, sha256Of } from "./job.js";
import type { JobStore } from "./job-store.js";

/** Rows that were embedded together: bytes that `join` understands; of no rows, how far the next one is. */
export interface Piece {
  /** ≥ 0 */
  readonly rows: number;
  readonly bytes: Uint8Array;
}

/** When what was embedded is noted before its chunk is whole. */
export interface NoteTimes {
  /** milliseconds of work that a note waits for */
  readonly noteMs: number;
  /** milliseconds, from any moment on */
  readonly now: () => number;
}

/** Calls of a store at once, which may be far away. */
export const CALLS_AT_ONCE = 16;

/** Notes of one shard. One piece of a chunk is being written at a time; work goes on meanwhile. */
export class ShardNotes {
  private readonly store: JobStore;
  private readonly job: Job;
  private readonly shard: number;
  private readonly times: NoteTimes;
  /** chunks that lay whole in the store when this was opened */
  readonly found: readonly number[];
  /** chunks of which a piece is in the store */
  private readonly begun: Set<number>;
  private writing: Promise<void> | undefined;
  private since: number;

  private constructor(store: JobStore, job: Job, shard: number, times: NoteTimes, found: readonly number[], begun: Set<number>) {
    this.store = store;
    this.found = found;
    this.job = job;
    this.shard = shard;
    this.times = times;
    this.begun = begun;
    this.since = times.now();
  }

  /** @param count chunks of the shard */
  static async open(store: JobStore, job: Job, shard: number, count: number, times: NoteTimes): Promise<ShardNotes> {
    // without them more is done twice, and nothing else
    const names = new Set(await store.list("partial").catch((): string[] => []));
    const named = (key: (shard: number, chunk: number) => string) =>
      [...Array(count).keys()].filter((chunk) => names.has(key(shard, chunk).slice("partial/".length)));
    return new ShardNotes(store, job, shard, times, named(checkpointKey), new Set(named(pieceKey)));
  }

  /** What the store has of a chunk of so many rows: all of it, its beginning, or nothing. @param whole false where a chunk is the shard */
  async read(chunk: number, rows: number, whole: boolean): Promise<readonly Piece[]> {
    const done = whole ? await this.whole(chunk, rows) : undefined;
    if (done !== undefined) return done;
    const pieces = this.begun.has(chunk) ? this.opened(chunk, await this.store.get(pieceKey(this.shard, chunk))) : [];
    return rowsOf(pieces) < rows ? pieces : [];
  }

  /** Told after each piece of a chunk that is not whole: writes what there is of it where that is worth it. Never rejects: work goes on without. */
  piece(chunk: number, pieces: readonly Piece[]): void {
    const now = this.times.now();
    if (this.writing !== undefined || now - this.since < this.times.noteMs) return;
    this.begun.add(chunk);
    this.since = now;
    this.writing = this.store
      .put(pieceKey(this.shard, chunk), this.sealed(chunk, pieces))
      .catch(() => {})
      .finally(() => {
        this.writing = undefined;
      });
  }

  /** Keeps a whole chunk. True where this worker was the one to do so. */
  async chunk(chunk: number, rows: number, pieces: readonly Piece[]): Promise<boolean> {
    this.since = this.times.now();
    const file = this.sealed(chunk, pieces);
    let first = await this.store.create(checkpointKey(this.shard, chunk), file);
    if (!first && (await this.whole(chunk, rows)) === undefined) {
      // a torn one
      await this.store.put(checkpointKey(this.shard, chunk), file);
      first = true;
    }
    await this.forget(chunk);
    return first;
  }

  /** Removes what is left of a committed shard. @param whole chunks that lie in the store */
  async clear(whole: Iterable<number>): Promise<void> {
    const remove = (chunk: number) => this.store.remove(checkpointKey(this.shard, chunk)).catch(() => {});
    for await (const _ of inOrder(whole, CALLS_AT_ONCE, remove));
    for (const chunk of [...this.begun]) await this.forget(chunk);
  }

  /** Settles when nothing is being written. */
  async settled(): Promise<void> {
    await this.writing;
  }

  private async forget(chunk: number): Promise<void> {
    if (!this.begun.has(chunk)) return;
    await this.writing;
    // it says nothing that the chunk does not
    await this.store.remove(pieceKey(this.shard, chunk)).catch(() => {});
    this.begun.delete(chunk);
  }

  private async whole(chunk: number, rows: number): Promise<readonly Piece[] | undefined> {
    const pieces = this.opened(chunk, await this.store.get(checkpointKey(this.shard, chunk)));
    return rowsOf(pieces) === rows ? pieces : undefined;
  }

  /** Digest · for each piece u32 rows, u32 length, bytes; little-endian. */
  private sealed(chunk: number, pieces: readonly Piece[]): Uint8Array {
    const parts = pieces.flatMap(({ rows, bytes }) => {
      const head = Buffer.alloc(HEAD_BYTES);
      head.writeUInt32LE(rows, 0);
      head.writeUInt32LE(bytes.length, 4);
      return [head, bytes];
    });
    const body = Buffer.concat(parts);
    return Buffer.concat([this.seal(chunk, body), body]);
  }

  private opened(chunk: number, file: Uint8Array | undefined): readonly Piece[] {
    if (file === undefined || file.length < SEAL_BYTES) return [];
    const body = Buffer.from(file.buffer, file.byteOffset + SEAL_BYTES, file.length - SEAL_BYTES);
    if (!this.seal(chunk, body).equals(file.subarray(0, SEAL_BYTES))) return [];
    const pieces: Piece[] = [];
    for (let at = 0; at < body.length; ) {
      const [rows, length] = [body.readUInt32LE(at), body.readUInt32LE(at + 4)];
      at += HEAD_BYTES;
      pieces.push({ rows, bytes: new Uint8Array(body.subarray(at, at + length)) });
      at += length;
    }
    return pieces;
  }

  private seal(chunk: number, body: Uint8Array): Buffer {
    return Buffer.from(sha256Of(Buffer.concat([Buffer.from(`${this.job.id} ${this.shard} ${chunk} pieces\n`), body])), "hex");
  }
}

const SEAL_BYTES = 32;
const HEAD_BYTES = 8;

export const rowsOf = (pieces: readonly Piece[]): number => pieces.reduce((sum, { rows }) => sum + rows, 0);

// Reads a large file by ranges: never the whole. Small reads (directories, offsets of tiles, headers of fragments) come from blocks that are
// kept, a bounded number of them; tiles are read as they are. Every range is checked against the file's size before anything is allocated.

import { corrupt } from "../errors.js";

/** Where bytes come from: a file in Node, a Blob, memory. */
export interface ByteSource {
  /** bytes in all */
  readonly size: number;
  /** Exactly these bytes; the range lies within the size. The caller owns them. */
  read(at: number, length: number): Promise<Uint8Array>;
}

const BLOCK = 64 * 1024;
const BLOCKS_KEPT = 64;

/** A source with its small reads kept. */
export class RangeReader {
  readonly size: number;
  private readonly source: ByteSource;
  private readonly blocks = new Map<number, Promise<Uint8Array>>();

  constructor(source: ByteSource) {
    this.source = source;
    this.size = source.size;
  }

  /** A range of its own, not kept. @throws ImagingError `corrupt_image` past the end */
  async range(at: number, length: number): Promise<Uint8Array> {
    this.need(at, length);
    const bytes = await this.source.read(at, length);
    if (bytes.length !== length)
      throw corrupt(`slide that ended while it was read — expected ${length} bytes at ${at}, got ${bytes.length}`);
    return bytes;
  }

  /** A small range, out of blocks that are kept. @throws ImagingError `corrupt_image` past the end */
  async small(at: number, length: number): Promise<DataView> {
    this.need(at, length);
    const first = Math.floor(at / BLOCK);
    const block = await this.block(first);
    const from = at - first * BLOCK;
    if (from + length <= block.length) return new DataView(block.buffer, block.byteOffset + from, length);
    const bytes = await this.range(at, length);
    return new DataView(bytes.buffer, bytes.byteOffset, length);
  }

  private block(index: number): Promise<Uint8Array> {
    const at = index * BLOCK;
    const kept = this.blocks.get(index) ?? this.range(at, Math.min(BLOCK, this.size - at));
    this.blocks.delete(index);
    this.blocks.set(index, kept);
    const [oldest] = this.blocks.keys();
    if (oldest !== undefined && this.blocks.size > BLOCKS_KEPT) this.blocks.delete(oldest);
    kept.catch(() => this.blocks.delete(index));
    return kept;
  }

  private need(at: number, length: number): void {
    if (!(Number.isSafeInteger(at) && Number.isSafeInteger(length) && at >= 0 && length >= 0 && at + length <= this.size))
      throw corrupt(`truncated slide — expected at least ${at + length} bytes, got ${this.size}`);
  }
}

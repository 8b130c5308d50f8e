// How much a folder of entries may hold: the least recently used go first. When an entry was used is its file's time of change, which a reading
// sets too, so that all processes that share the folder agree on it. It knows the files' sizes and times, and nothing of what is in them.

import { rm, stat, utimes } from "node:fs/promises";

/** What a file takes at least, and in steps of; as most file systems do it. */
const BLOCK = 4096;
/** Where it is too much, so much of the limit is left: not every entry after it looks at the whole folder again. */
const LEFT = 0.9;

/** The room of one folder. No call rejects: what cannot be looked at or removed stays. */
export class StoreRoom {
  private readonly paths: () => Promise<readonly string[]>;
  private readonly maxBytes: number;
  /** bytes taken, as far as this process knows; undefined before it has looked */
  private taken: number | undefined;
  private looking: Promise<void> = Promise.resolve();

  /** @param paths the files of all entries */
  constructor(paths: () => Promise<readonly string[]>, maxBytes: number) {
    this.paths = paths;
    this.maxBytes = maxBytes;
  }

  /** Whether a file of so many bytes may be kept at all. */
  fits(bytes: number): boolean {
    return blocks(bytes) <= this.maxBytes;
  }

  /** The entry at `path` was read. */
  async used(path: string): Promise<void> {
    const now = new Date();
    await utimes(path, now, now).catch(() => {});
  }

  /** A file of so many bytes was written at `path`: others go until all fit. Settles when they are gone. */
  async wrote(path: string, bytes: number): Promise<void> {
    if (this.taken !== undefined) this.taken += blocks(bytes);
    if (this.taken !== undefined && this.taken <= this.maxBytes) return;
    this.looking = this.looking.then(() => this.clear(path));
    await this.looking;
  }

  private async clear(newest: string): Promise<void> {
    if (this.taken !== undefined && this.taken <= this.maxBytes) return;
    const files = await this.files();
    let taken = files.reduce((sum, { bytes }) => sum + bytes, 0);
    if (taken > this.maxBytes) {
      for (const { path, bytes } of files.sort((a, b) => a.at - b.at)) {
        if (taken <= LEFT * this.maxBytes) break;
        if (path === newest) continue;
        const gone = await rm(path, { force: true }).then(
          () => true,
          () => false,
        );
        if (gone) taken -= bytes;
      }
    }
    this.taken = taken;
  }

  private async files(): Promise<{ path: string; bytes: number; at: number }[]> {
    const found: { path: string; bytes: number; at: number }[] = [];
    for (const path of await this.paths().catch(() => [])) {
      const about = await stat(path).catch(() => undefined);
      if (about?.isFile()) found.push({ path, bytes: blocks(about.size), at: about.mtimeMs });
    }
    return found;
  }
}

function blocks(bytes: number): number {
  return Math.ceil(bytes / BLOCK) * BLOCK;
}

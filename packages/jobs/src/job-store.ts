// Where a job lives: the contract of its store. What is true of a job is what the store holds; whoever hands out work is not asked.
// Unlike a ByteStore it has a conditional create, on which the promise rests that a shard counts once, and plain files that others can read.

/** Keys are as in `checkKey` of @biovlm/files: safe segments joined by `/`. */
export interface JobStore {
  /** The bytes, or undefined when there is no entry. The caller owns the array. */
  get(key: string): Promise<Uint8Array | undefined>;
  /** Replaces the entry: a reader sees the old bytes or the new ones. */
  put(key: string, bytes: Uint8Array): Promise<void>;
  /** Makes the entry if there is none, durable when it settles: true for exactly one of all callers, false for the others. */
  create(key: string, bytes: Uint8Array): Promise<boolean>;
  /** Names right below `folder` (one segment), by code units; none when there is no such folder. */
  list(folder: string): Promise<string[]>;
  /** Removes the entry; no error when there is none. */
  remove(key: string): Promise<void>;
}

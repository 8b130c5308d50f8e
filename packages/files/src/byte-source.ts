// Where a weights file's bytes come from: a buffer in memory, or ranges of a file that is never read whole. Synchronous, because a tensor's
// `bytes()` is. Not a stream and not a cache: each read returns the range asked for and keeps nothing.

/** Random access to bytes that do not change while they are read. */
export interface ByteSource {
  /** Total size in bytes. */
  readonly size: number;
  /** `length` bytes from `offset`; may be a view that the caller must not write to. Callers stay within `size`. */
  read(offset: number, length: number): Uint8Array;
}

/** A buffer as a source; ranges are views on it. */
export function bytesSource(bytes: Uint8Array): ByteSource {
  return { size: bytes.byteLength, read: (offset, length) => bytes.subarray(offset, offset + length) };
}

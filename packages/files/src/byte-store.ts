// A store of bytes under keys: what caches and checkpoints are written to. A folder in Node (`./node`: fileStore), OPFS or memory in browsers.
// Not a file system: keys are names made of safe segments, entries are written whole or not at all, and there are no partial reads.

import { FilesError } from "./errors.js";
import { quoted } from "./quoted.js";

/**
 * Keys are 1–8 segments joined by `/`; a segment is `[A-Za-z0-9][A-Za-z0-9._-]*`; at most 200 characters in all.
 * Any other key rejects with `FilesError` (`bad_key`) and touches nothing.
 */
export interface ByteStore {
  /** The bytes, or undefined when there is no entry (a torn or corrupt entry counts as none). The caller owns the array. */
  get(key: string): Promise<Uint8Array | undefined>;
  /** Replaces the entry atomically: a reader, or a process that starts after a crash, sees the old bytes or the new ones. */
  put(key: string, bytes: Uint8Array): Promise<void>;
  /** Removes the entry; no error when there is none. */
  delete(key: string): Promise<void>;
  /** Keys that start with `prefix` ("" = all), in code-unit order. */
  list(prefix: string): Promise<string[]>;
}

const KEY = /^[A-Za-z0-9][A-Za-z0-9._-]*(?:\/[A-Za-z0-9][A-Za-z0-9._-]*){0,7}$/;

/** Returns the key; throws `FilesError` (`bad_key`) when it is not one. */
export function checkKey(key: string): string {
  if (typeof key !== "string" || key.length > 200 || !KEY.test(key)) {
    const shown = typeof key === "string" ? quoted(key) : typeof key;
    throw new FilesError(
      "bad_key",
      `store key refused — expected segments of letters, digits, "." "_" "-" joined by "/", got ${shown}. Use a digest or a plain name.`,
    );
  }
  return key;
}

/** A ByteStore in memory, for tests and for browsers without OPFS. Bytes are copied in and out. */
export function memoryStore(): ByteStore {
  const entries = new Map<string, Uint8Array>();
  return {
    async get(key) {
      return entries.get(checkKey(key))?.slice();
    },
    async put(key, bytes) {
      entries.set(checkKey(key), bytes.slice());
    },
    async delete(key) {
      entries.delete(checkKey(key));
    },
    async list(prefix) {
      return [...entries.keys()].filter((key) => key.startsWith(prefix)).sort();
    },
  };
}

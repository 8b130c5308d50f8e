// What opening a model computes and the next start need not compute again: text embeddings, weights in reduced precision. All of it may be
// lost, damaged or unwritable at any time; it is then computed again.

import { join } from "node:path";
import type { ByteStore } from "@biovlm/files";
import { dataFolders, fileStore } from "@biovlm/files/node";
import { OPENING_OPTIONS } from "./opening-spec.js";

/** Bytes under a key. Neither call rejects: what cannot be read is absent, what cannot be written is not kept. */
export type ComputedStore = Pick<ByteStore, "get" | "put">;

/**
 * The folder `computed` of this machine's cache folder. An entry carries a digest of its bytes: a damaged one is absent.
 * @param maxCacheBytes most bytes kept; beyond it the least recently used go
 */
export function computedStore(
  maxCacheBytes: number = OPENING_OPTIONS.maxCacheBytes.default,
  folder: string = join(dataFolders().cache, "computed"),
): ComputedStore {
  const store = fileStore(folder, { maxBytes: maxCacheBytes });
  return {
    get: (key) => store.get(key).catch(() => undefined),
    put: (key, bytes) => store.put(key, bytes).catch(() => {}),
  };
}

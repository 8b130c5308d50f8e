// How much the browser lets a page keep, and the way to give it back.

import type { ByteStore } from "@biovlm/files";

/** Bytes; `undefined` where the browser does not say. */
export interface StorageRoom {
  readonly used: number | undefined;
  readonly free: number | undefined;
  /** true where the browser promised not to evict the page's data by itself */
  readonly persistent: boolean;
}

/** Asks the browser. Never rejects. */
export async function storageRoom(): Promise<StorageRoom> {
  try {
    const [{ usage, quota }, persistent] = await Promise.all([navigator.storage.estimate(), navigator.storage.persisted()]);
    return { used: usage, free: quota === undefined || usage === undefined ? undefined : Math.max(0, quota - usage), persistent };
  } catch {
    return { used: undefined, free: undefined, persistent: false };
  }
}

/** Asks the browser not to evict the page's data; it may ask the user, and may refuse. Never rejects. */
export async function askToPersist(): Promise<boolean> {
  try {
    return await navigator.storage.persist();
  } catch {
    return false;
  }
}

/** Deletes every entry, or those whose key starts with `prefix`. Gives how many there were. */
export async function clearStore(store: ByteStore, prefix = ""): Promise<number> {
  const keys = await store.list(prefix);
  for (const key of keys) await store.delete(key);
  return keys.length;
}

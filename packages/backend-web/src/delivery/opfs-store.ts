// A ByteStore over the browser's private file system (OPFS): where model files, caches and checkpoints of a page are kept. Nothing in it is seen
// by other sites or by the user's file manager; it goes when the user clears the site's data.

import { BiovlmError, type ByteStore, checkKey, memoryStore } from "@biovlm/files";
import { ModelError } from "@biovlm/model";

interface Directory {
  getDirectoryHandle(name: string, options: { create: boolean }): Promise<Directory>;
  getFileHandle(name: string, options?: { create: boolean }): Promise<FileHandle>;
  removeEntry(name: string): Promise<void>;
  keys(): AsyncIterable<string>;
}
interface FileHandle {
  getFile(): Promise<Blob>;
  createWritable(): Promise<{ write(bytes: Uint8Array): Promise<void>; close(): Promise<void>; abort(): Promise<void> }>;
}

/** A store, and why it is only in memory where it is. */
export interface PageStore {
  readonly store: ByteStore;
  /** set where entries go with the tab */
  readonly memoryOnly?: string;
}

/** Opens the store of a folder name. Private windows and old browsers get one in memory, with the reason. Never rejects. */
export async function openPageStore(folder = "biovlm"): Promise<PageStore> {
  try {
    const root = (await navigator.storage.getDirectory()) as unknown as Directory;
    const directory = await root.getDirectoryHandle(folder, { create: true });
    const store = opfsStore(directory);
    // some browsers give the folder and refuse to write
    await store.put("opened", new Uint8Array(1));
    await store.delete("opened");
    return { store };
  } catch (error) {
    return { store: memoryStore(), memoryOnly: error instanceof Error ? error.message : String(error) };
  }
}

/** Keys become flat file names: "/" is written ",", which no key holds. A write that is cut leaves the old entry. */
function opfsStore(directory: Directory): ByteStore {
  const nameOf = (key: string) => checkKey(key).replaceAll("/", ",");
  return {
    async get(key) {
      try {
        const file = await (await directory.getFileHandle(nameOf(key))).getFile();
        return new Uint8Array(await file.arrayBuffer());
      } catch (error) {
        if (named(error, "NotFoundError")) return undefined;
        throw storeError(key, error);
      }
    },
    async put(key, bytes) {
      try {
        const writable = await (await directory.getFileHandle(nameOf(key), { create: true })).createWritable();
        try {
          await writable.write(bytes);
          await writable.close();
        } catch (error) {
          await writable.abort().catch(() => {});
          throw error;
        }
      } catch (error) {
        throw storeError(key, error);
      }
    },
    async delete(key) {
      try {
        await directory.removeEntry(nameOf(key));
      } catch (error) {
        if (!named(error, "NotFoundError")) throw storeError(key, error);
      }
    },
    async list(prefix) {
      const keys: string[] = [];
      for await (const name of directory.keys()) {
        const key = name.replaceAll(",", "/");
        if (key.startsWith(prefix)) keys.push(key);
      }
      return keys.sort();
    },
  };
}

function named(error: unknown, name: string): boolean {
  return (error as { name?: unknown } | null)?.name === name;
}

function storeError(key: string, cause: unknown): unknown {
  if (cause instanceof BiovlmError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  if (named(cause, "QuotaExceededError")) {
    return new ModelError("disk_full", `page store, ${key} — expected room, got: ${reason} Clear kept models.`, { cause });
  }
  return new ModelError("io_error", `page store, ${key} — expected it to be read and written, got: ${reason} Reload the page.`, { cause });
}

// What a person did here, kept in this browser's IndexedDB: labels by the images' content, and the page's settings. No image, no file name.
// A write is handed over in the turn it is made, and committed without waiting for its answer, so that a tab that dies right after loses nothing.

import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import type { Said } from "./label-book.js";

interface ProjectSchema extends DBSchema {
  labels: { key: string; value: Said };
  settings: { key: string; value: unknown };
}

const NAME = "biovlm-project";

export interface ProjectStore {
  labels(): Promise<(readonly [string, Said])[]>;
  settings(): Promise<ReadonlyMap<string, unknown>>;
  /** undefined takes the labels of this content away */
  putLabels(hash: string, said: Said | undefined): void;
  putSetting(name: string, value: unknown): void;
  clear(): Promise<void>;
}

/** Opens the store. `onLoss` hears why a write could not be made. @throws what the browser refuses, e.g. in a private window */
export async function openProject(onLoss: (reason: string) => void): Promise<ProjectStore> {
  const database = await openDB<ProjectSchema>(NAME, 1, {
    upgrade(db) {
      db.createObjectStore("labels");
      db.createObjectStore("settings");
    },
    // another tab has a newer page
    blocking: (_now, _next, event) => (event.target as IDBDatabase).close(),
  });
  return {
    async labels() {
      const [keys, values] = await Promise.all([database.getAllKeys("labels"), database.getAll("labels")]);
      return keys.flatMap((key, i) => (isSaid(values[i]) ? [[key, values[i]] as const] : []));
    },
    async settings() {
      const [keys, values] = await Promise.all([database.getAllKeys("settings"), database.getAll("settings")]);
      return new Map(keys.map((key, i) => [key, values[i]]));
    },
    putLabels: (hash, said) => write(database, "labels", hash, said, onLoss),
    putSetting: (name, value) => write(database, "settings", name, value, onLoss),
    async clear() {
      await Promise.all([database.clear("labels"), database.clear("settings")]);
    },
  };
}

function write(
  database: IDBPDatabase<ProjectSchema>,
  store: "labels" | "settings",
  key: string,
  value: unknown,
  onLoss: (reason: string) => void,
): void {
  try {
    const change = database.transaction(store, "readwrite", { durability: "relaxed" });
    const written = value === undefined ? change.store.delete(key) : change.store.put(value as Said, key);
    change.commit();
    // the transaction's own end says what went wrong
    written.catch(() => undefined);
    change.done.catch((error: unknown) => onLoss(String((error as Error).message)));
  } catch (error) {
    onLoss(String((error as Error).message));
  }
}

function isSaid(value: unknown): value is Said {
  return typeof value === "object" && value !== null && Object.values(value).every((name) => typeof name === "string");
}

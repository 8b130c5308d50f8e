// A ByteStore in a folder: one file an entry, written atomically, with a checksum in its head. A torn, truncated, flipped or foreign file
// is treated as absent and reported to `onWarning`, so that a cache is rebuilt and a checkpoint falls back to the one before.

import { createHash } from "node:crypto";
import { readdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type ByteStore, checkKey } from "../byte-store.js";
import { fileFailure, systemCode } from "../file-failure.js";
import { sweepTemporaries, syncFolder, writeFileAtomic } from "./atomic-file.js";
import { StoreRoom } from "./store-room.js";

// `~` is in no key, so an entry's file never collides with the folder of a longer key.
const SUFFIX = ".~entry";
const MAGIC = "BIOVLME1";
/** magic 8 · sha256 of key and payload 32 · key bytes u32 · payload bytes u64 · then key, payload (little-endian) */
const HEAD = 8 + 32 + 4 + 8;

/** Whom a store in a folder tells about damage. */
export interface FileStoreOptions {
  /** Told about each entry that is damaged and therefore treated as absent. */
  readonly onWarning?: (message: string) => void;
  /** Most bytes on the disk: beyond it the entries go that were read or written longest ago. What is larger is not kept. No limit unless given. */
  readonly maxBytes?: number | undefined;
}

/**
 * Opens the folder (made at the first `put`). Operations reject with `FilesError`: `bad_key`, `disk_full`, `not_permitted`,
 * `too_many_files`, `io_error`. A failed `put` leaves the old entry.
 * @example const cache = fileStore(join(folders.cache, "features"), { onWarning: console.warn });
 */
export function fileStore(folder: string, options: FileStoreOptions = {}): ByteStore {
  const pathOf = (key: string) => join(folder, ...`${checkKey(key)}${SUFFIX}`.split("/"));
  const swept = new Set<string>();
  const keys = async () => {
    const names = await readdir(folder, { recursive: true }).catch((error) => {
      if (systemCode(error) === "ENOENT") return [];
      throw fileFailure(error, `listing ${folder}`);
    });
    return names.filter((name) => name.endsWith(SUFFIX)).map((name) => name.slice(0, -SUFFIX.length).replaceAll("\\", "/"));
  };
  const { maxBytes } = options;
  const room = maxBytes === undefined ? undefined : new StoreRoom(async () => (await keys()).map(pathOf), maxBytes);
  return {
    async get(key) {
      const path = pathOf(key);
      let file: Uint8Array;
      try {
        file = await readFile(path);
      } catch (error) {
        if (["ENOENT", "ENOTDIR"].includes(systemCode(error))) return undefined;
        throw fileFailure(error, `reading ${path}`);
      }
      const payload = openEntry(key, file);
      if (typeof payload !== "string") {
        await room?.used(path);
        return payload;
      }
      options.onWarning?.(`entry ${key} is ignored: ${payload}`);
      return undefined;
    },
    async put(key, bytes) {
      const path = pathOf(key);
      const size = HEAD + Buffer.byteLength(key) + bytes.length;
      if (room?.fits(size) === false) {
        // not the old bytes under the key either
        await rm(path, { force: true }).catch(() => {});
        return;
      }
      const place = dirname(path);
      if (!swept.has(place)) {
        swept.add(place);
        await sweepTemporaries(place);
      }
      await writeFileAtomic(path, [sealEntry(key, bytes), bytes]);
      await room?.wrote(path, size);
    },
    async delete(key) {
      const path = pathOf(key);
      try {
        await rm(path, { force: true });
        await syncFolder(dirname(path)).catch((error) => {
          if (systemCode(error) !== "ENOENT") throw error;
        });
      } catch (error) {
        throw fileFailure(error, `removing ${path}`);
      }
    },
    list: async (prefix) => (await keys()).filter((key) => key.startsWith(prefix)).sort(),
  };
}

function sealEntry(key: string, payload: Uint8Array): Uint8Array {
  const name = Buffer.from(key, "utf8");
  const head = Buffer.alloc(HEAD + name.length);
  head.write(MAGIC, 0, "latin1");
  createHash("sha256").update(name).update(payload).digest().copy(head, 8);
  head.writeUInt32LE(name.length, 40);
  head.writeBigUInt64LE(BigInt(payload.length), 44);
  name.copy(head, HEAD);
  return head;
}

/** The payload, or what is wrong with the file. */
function openEntry(key: string, file: Uint8Array): Uint8Array | string {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  if (bytes.length < HEAD || bytes.toString("latin1", 0, 8) !== MAGIC) return "it is no entry of this store";
  const start = HEAD + bytes.readUInt32LE(40);
  const length = Number(bytes.readBigUInt64LE(44));
  if (bytes.length !== start + length) return `it is torn (expected ${start + length} bytes, got ${bytes.length})`;
  const sum = createHash("sha256").update(bytes.subarray(HEAD)).digest();
  if (!sum.equals(bytes.subarray(8, 40))) return "its checksum does not match";
  // on a file system that folds case, another key's entry may lie here
  if (bytes.toString("utf8", HEAD, start) !== key) return "it belongs to another key";
  return new Uint8Array(file.subarray(start));
}

// An .npz archive in a file, over yauzl: the directory is listed within limits, members are opened as streams.
/// <reference path="./yauzl.d.ts" />

import type { Readable } from "node:stream";
import yauzl, { type Entry, type ZipFile } from "yauzl";
import { DatasetError } from "../errors.js";
import {
  checkMemberCount,
  checkZipMember,
  DEFAULT_NPZ_LIMITS,
  type NpzFile,
  type NpzLimits,
  openNpzArchive,
  type ZipMember,
} from "../npz.js";

/** Opens an .npz file and reads every member's header. @throws DatasetError `not_found`, `bad_file`, `too_large`, `integrity` */
export async function openNpz(path: string, limits: Partial<NpzLimits> = {}): Promise<NpzFile> {
  const zip = await openZip(path);
  let entries: Map<ZipMember, Entry>;
  try {
    entries = await listEntries(zip, { ...DEFAULT_NPZ_LIMITS, ...limits });
  } catch (error) {
    zip.close();
    throw error;
  }
  const archive = {
    members: [...entries.keys()],
    stream: (member: ZipMember, start: number) => streamEntry(zip, entries.get(member)!, start),
    close: () => zip.close(),
  };
  return openNpzArchive(archive, zip.fileSize, limits);
}

function openZip(path: string): Promise<ZipFile> {
  return new Promise((resolve, reject) => {
    yauzl.open(path, { lazyEntries: true, autoClose: false, strictFileNames: true, validateEntrySizes: true }, (error, zip) => {
      if (error === null || error === undefined) return resolve(zip);
      const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
      const system = (error as NodeJS.ErrnoException).syscall !== undefined;
      const [code, text] = missing
        ? ([
            "not_found",
            "npz file — expected it at the given path, got nothing there. Check the folder, or run `biovlm data pull`.",
          ] as const)
        : ([
            system ? "storage" : "bad_file",
            `npz file — expected a zip archive, got ${error.message}. Check it, or download it again.`,
          ] as const);
      reject(new DatasetError(code, text, { cause: error }));
    });
  });
}

function listEntries(zip: ZipFile, limits: NpzLimits): Promise<Map<ZipMember, Entry>> {
  return new Promise((resolve, reject) => {
    const entries = new Map<ZipMember, Entry>();
    const bad = (got: string) =>
      reject(new DatasetError("bad_file", `npz file — expected a sound zip archive, got ${got}. Download it again.`));
    zip.on("error", (error: Error) => bad(error.message));
    zip.on("end", () => resolve(entries));
    zip.on("entry", (entry: Entry) => {
      const { fileName, compressedSize, uncompressedSize: size, crc32, compressionMethod: method } = entry;
      if (entry.isEncrypted() || (method !== 0 && method !== 8)) return bad("an encrypted member or another method");
      const member = { fileName, compressedSize, size, crc32, stored: method === 0 };
      try {
        checkZipMember(member, zip.fileSize, limits);
      } catch (error) {
        return reject(error);
      }
      entries.set(member, entry);
      zip.readEntry();
    });
    try {
      checkMemberCount(zip.entryCount, limits);
      zip.readEntry();
    } catch (error) {
      reject(error);
    }
  });
}

async function* streamEntry(zip: ZipFile, entry: Entry, start: number): AsyncGenerator<Uint8Array, void> {
  const stream = await new Promise<Readable>((resolve, reject) => {
    zip.openReadStream(entry, start > 0 ? { start } : {}, (error, opened) =>
      error === null || error === undefined ? resolve(opened) : reject(error),
    );
  });
  try {
    yield* stream as AsyncIterable<Buffer>;
  } finally {
    stream.destroy();
  }
}

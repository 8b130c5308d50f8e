// Reads NumPy .npz archives member by member, as a stream: a 16 GB set is never loaded, a bomb is stopped by the bytes that come out.
// Small members are read whole on demand; rows of large ones are read through a cursor that goes forward and starts again when asked to go back.

import type { Readable } from "node:stream";
import yauzl from "yauzl";
import { DatasetError } from "../errors.js";
import { MAX_NPY_HEADER, type NpyHeader, parseNpyHeader } from "../npy.js";

export interface NpzLimits {
  /** uncompressed : compressed size of a member */
  readonly maxRatio: number;
  readonly maxMembers: number;
  /** uncompressed bytes of one member */
  readonly maxMemberBytes: number;
}

const DEFAULT_LIMITS: NpzLimits = { maxRatio: 200, maxMembers: 64, maxMemberBytes: 64 * 2 ** 30 };

export interface NpzFile {
  /** member names without ".npy", with their headers */
  readonly members: ReadonlyMap<string, NpyHeader>;
  /** All data bytes of a member of at most maxBytes. */
  read(name: string, maxBytes: number): Promise<Uint8Array>;
  /** A reader of single rows (first axis) of a member. */
  rows(name: string): NpzRows;
  close(): void;
}

export interface NpzRows {
  readonly count: number;
  readonly rowBytes: number;
  /** Row `index`; going forward costs one pass over the member in all. Calls are served one after the other. */
  read(index: number): Promise<Uint8Array>;
}

/** Opens an archive and reads every member's header. Throws `bad_file`, `too_large`, `not_found`. */
export async function openNpz(path: string, limits: Partial<NpzLimits> = {}): Promise<NpzFile> {
  const bound = { ...DEFAULT_LIMITS, ...limits };
  const zip = await openZip(path);
  try {
    const entries = await listEntries(zip, bound);
    const members = new Map<string, NpyHeader>();
    for (const [name, entry] of entries) members.set(name, await readHeader(zip, name, entry));
    return npzFile(zip, entries, members);
  } catch (error) {
    zip.close();
    throw error;
  }
}

function npzFile(zip: yauzl.ZipFile, entries: ReadonlyMap<string, yauzl.Entry>, members: ReadonlyMap<string, NpyHeader>): NpzFile {
  const member = (name: string) => {
    const header = members.get(name);
    const entry = entries.get(name);
    if (header === undefined || entry === undefined) {
      throw new DatasetError(
        "bad_file",
        `npz member ${name} — expected it in the archive, got ${[...members.keys()].join(", ") || "none"}. Use an official file.`,
      );
    }
    return { header, entry };
  };
  return {
    members,
    async read(name, maxBytes) {
      const { header, entry } = member(name);
      if (header.dataLength > maxBytes) {
        throw new DatasetError(
          "too_large",
          `npz member ${name} — expected at most ${maxBytes} bytes, got ${header.dataLength}. Read it by rows.`,
        );
      }
      const source = await byteStream(zip, entry, name);
      try {
        await source.take(header.dataOffset);
        return await source.take(header.dataLength);
      } finally {
        source.destroy();
      }
    },
    rows(name) {
      const { header, entry } = member(name);
      const count = header.shape[0] ?? 0;
      const rowBytes = count === 0 ? 0 : header.dataLength / count;
      let source: ByteStream | undefined;
      let position = 0;
      let last: Promise<unknown> = Promise.resolve();
      const readNow = async (index: number) => {
        if (!Number.isInteger(index) || index < 0 || index >= count)
          throw new DatasetError("bad_option", `row of ${name} — expected 0 to ${count - 1}, got ${index}.`);
        if (source === undefined || index < position) {
          source?.destroy();
          source = await byteStream(zip, entry, name);
          await source.take(header.dataOffset);
          position = 0;
        }
        await source.skip((index - position) * rowBytes);
        const row = await source.take(rowBytes);
        position = index + 1;
        if (position === count) {
          source.destroy();
          source = undefined;
          position = 0;
        }
        return row;
      };
      return {
        count,
        rowBytes,
        read(index) {
          const result = last.then(() => readNow(index));
          last = result.catch(() => {
            source?.destroy();
            source = undefined;
          });
          return result;
        },
      };
    },
    close: () => zip.close(),
  };
}

function openZip(path: string): Promise<yauzl.ZipFile> {
  return new Promise((resolve, reject) => {
    yauzl.open(path, { lazyEntries: true, autoClose: false, strictFileNames: true, validateEntrySizes: true }, (error, zip) => {
      if (error === null || error === undefined) return resolve(zip);
      const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
      reject(
        missing
          ? new DatasetError(
              "not_found",
              "npz file — expected it at the given path, got nothing there. Check the folder, or run `biovlm data pull`.",
              { cause: error },
            )
          : new DatasetError("bad_file", `npz file — expected a zip archive, got ${error.message}. Download it again.`, { cause: error }),
      );
    });
  });
}

function listEntries(zip: yauzl.ZipFile, bound: NpzLimits): Promise<Map<string, yauzl.Entry>> {
  return new Promise((resolve, reject) => {
    const entries = new Map<string, yauzl.Entry>();
    const fail = (code: "bad_file" | "too_large", text: string) => reject(new DatasetError(code, text));
    if (zip.entryCount > bound.maxMembers)
      return fail(
        "too_large",
        `npz file — expected at most ${bound.maxMembers} members, got ${zip.entryCount}. This is not a data set file.`,
      );
    zip.on("error", (error: Error) =>
      fail("bad_file", `npz file — expected a sound zip directory, got ${error.message}. Download it again.`),
    );
    zip.on("end", () => resolve(entries));
    zip.on("entry", (entry: yauzl.Entry) => {
      const { fileName, uncompressedSize: out, compressedSize: stored } = entry;
      const name = /^([A-Za-z0-9_]{1,64})\.npy$/.exec(fileName)?.[1];
      if (name === undefined || entries.has(name))
        return fail("bad_file", "npz file — expected members named NAME.npy, each once, got another name. Use an official file.");
      if (out > bound.maxMemberBytes || out > Math.max(1, stored) * bound.maxRatio) {
        return fail(
          "too_large",
          `npz member ${name} — expected at most ${bound.maxMemberBytes} bytes and ${bound.maxRatio} : 1, got ${out} from ${stored}. Refused as a zip bomb.`,
        );
      }
      entries.set(name, entry);
      zip.readEntry();
    });
    zip.readEntry();
  });
}

async function readHeader(zip: yauzl.ZipFile, name: string, entry: yauzl.Entry): Promise<NpyHeader> {
  const source = await byteStream(zip, entry, name);
  try {
    const header = parseNpyHeader(await source.take(Math.min(MAX_NPY_HEADER, entry.uncompressedSize)), `npz member ${name}`);
    if (header.dataOffset + header.dataLength !== entry.uncompressedSize) {
      throw new DatasetError(
        "bad_file",
        `npz member ${name} — expected ${header.dataOffset + header.dataLength} bytes by its header, got ${entry.uncompressedSize}. Download it again.`,
      );
    }
    return header;
  } finally {
    source.destroy();
  }
}

interface ByteStream {
  take(length: number): Promise<Uint8Array>;
  skip(length: number): Promise<void>;
  destroy(): void;
}

/** Pulls exact byte counts out of a member; a stream that ends or breaks early is `bad_file`. */
async function byteStream(zip: yauzl.ZipFile, entry: yauzl.Entry, name: string): Promise<ByteStream> {
  const broken = (cause: unknown) =>
    new DatasetError(
      "bad_file",
      `npz member ${name} — expected sound compressed data, got ${cause instanceof Error ? cause.message : "an early end"}. Download it again.`,
      { cause },
    );
  const stream = await new Promise<Readable>((resolve, reject) => {
    zip.openReadStream(entry, (error, opened) => (error === null || error === undefined ? resolve(opened) : reject(broken(error))));
  });
  const iterator = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let held: Uint8Array = new Uint8Array();
  const pull = async () => {
    try {
      const { value, done } = await iterator.next();
      if (done) throw broken(undefined);
      held = value as Uint8Array;
    } catch (error) {
      throw error instanceof DatasetError ? error : broken(error);
    }
  };
  const consume = async (length: number, sink: (chunk: Uint8Array, at: number) => void) => {
    for (let at = 0; at < length; ) {
      if (held.length === 0) await pull();
      const n = Math.min(held.length, length - at);
      sink(held.subarray(0, n), at);
      held = held.subarray(n);
      at += n;
    }
  };
  return {
    async take(length) {
      const out = new Uint8Array(length);
      await consume(length, (chunk, at) => out.set(chunk, at));
      return out;
    },
    skip: (length) => consume(length, () => {}),
    destroy: () => void stream.destroy(),
  };
}

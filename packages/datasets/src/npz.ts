// Reads NumPy .npz archives member by member, as a stream: a 16 GB set is never loaded, a bomb is stopped by the bytes that come out.
// Small members are read whole on demand; rows of large ones through a cursor that goes forward, or jumps where the member is stored.
// Where the bytes come from (a file, a Blob) is an archive given in; what they mean is for the caller.

import { crc32, FilesError, nth, readZip, type ZipEntry } from "@biovlm/files";
import { DatasetError } from "./errors.js";
import { MAX_NPY_HEADER, type NpyHeader, parseNpyHeader } from "./npy.js";

/** Bounds of an .npz archive; what exceeds one is refused as `too_large` before it is inflated. */
export interface NpzLimits {
  /** uncompressed : compressed size of a member */
  readonly maxRatio: number;
  readonly maxMembers: number;
  /** uncompressed bytes of one member */
  readonly maxMemberBytes: number;
}

/** Limits of official data archives: 200 : 1, 64 members, 64 GiB a member. */
export const DEFAULT_NPZ_LIMITS: NpzLimits = { maxRatio: 200, maxMembers: 64, maxMemberBytes: 64 * 2 ** 30 };

/** Where an archive's bytes come from: a file, a picked Blob. */
export interface NpzBytes {
  /** bytes of the archive */
  readonly size: number;
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Bytes that come out of a member; `from`, below its size, skips as many of a stored one. Throws anything on broken data. */
  stream(member: ZipEntry, from: number): AsyncIterator<Uint8Array>;
  close(): void;
}

/** An opened .npz archive. Headers are read; data is read when asked for. */
export interface NpzFile {
  /** member names without ".npy", with their headers */
  readonly members: ReadonlyMap<string, NpyHeader>;
  /** All data bytes of a member of at most maxBytes, checked against the archive's CRC. */
  read(name: string, maxBytes: number): Promise<Uint8Array>;
  /** A reader of single rows (first axis) of a member. */
  rows(name: string): NpzRows;
  close(): void;
}

/** Rows (first axis) of one member, read one at a time. */
export interface NpzRows {
  readonly count: number;
  readonly rowBytes: number;
  /** Row `index`. Of the calls that wait, the next one forward is served first: rows asked for together cost one pass over the member. */
  read(index: number): Promise<Uint8Array>;
}

const MAX_DIRECTORY_BYTES = 2 ** 20;

/** Reads the directory and every member's header. Closes the bytes when that fails. @throws DatasetError `bad_file`, `too_large`, `integrity` */
export async function openNpzArchive(bytes: NpzBytes, limits: Partial<NpzLimits> = {}): Promise<NpzFile> {
  const bound = { ...DEFAULT_NPZ_LIMITS, ...limits };
  try {
    const members = new Map<string, { header: NpyHeader; entry: ZipEntry }>();
    for (const [fileName, entry] of await directory(bytes, bound)) {
      const name = memberName(fileName, entry, bound);
      members.set(name, { entry, header: await readHeader(bytes, name, entry) });
    }
    return npzFile(bytes, members);
  } catch (error) {
    bytes.close();
    throw error;
  }
}

async function directory(bytes: NpzBytes, limits: NpzLimits): Promise<ReadonlyMap<string, ZipEntry>> {
  try {
    return await readZip(bytes, { maxEntries: limits.maxMembers, maxDirectoryBytes: MAX_DIRECTORY_BYTES });
  } catch (cause) {
    if (!(cause instanceof FilesError)) throw cause;
    throw new DatasetError(cause.code === "too_large" ? "too_large" : "bad_file", `npz file: ${cause.message}`, { cause });
  }
}

/** A member must be named NAME.npy, within the limits. */
function memberName(fileName: string, { size, packedSize }: ZipEntry, limits: NpzLimits): string {
  const name = /^([A-Za-z0-9_]{1,64})\.npy$/.exec(fileName)?.[1];
  if (name === undefined)
    throw new DatasetError("bad_file", "npz file — expected members named NAME.npy, got another name. Use an official file.");
  if (size > limits.maxMemberBytes || size > Math.max(1, packedSize) * limits.maxRatio) {
    throw new DatasetError(
      "too_large",
      `npz member ${name} — expected at most ${limits.maxMemberBytes} bytes and ${limits.maxRatio} : 1, got ${size} from ${packedSize}. Refused as a zip bomb.`,
    );
  }
  return name;
}

function npzFile(archive: NpzBytes, members: ReadonlyMap<string, { header: NpyHeader; entry: ZipEntry }>): NpzFile {
  const find = (name: string) => {
    const found = members.get(name);
    if (found !== undefined) return found;
    throw new DatasetError(
      "bad_file",
      `npz member ${name} — expected it in the archive, got ${[...members.keys()].join(", ") || "none"}. Use an official file.`,
    );
  };
  return {
    members: new Map([...members].map(([name, { header }]) => [name, header])),
    async read(name, maxBytes) {
      const { header, entry } = find(name);
      if (header.dataLength > maxBytes) {
        throw new DatasetError(
          "too_large",
          `npz member ${name} — expected at most ${maxBytes} bytes, got ${header.dataLength}. Read it by rows.`,
        );
      }
      const source = byteStream(archive, entry, name, 0);
      try {
        await source.skip(header.dataOffset);
        return await source.take(header.dataLength);
      } finally {
        await source.close();
      }
    },
    rows: (name) => npzRows(archive, name, find(name)),
    close: () => archive.close(),
  };
}

function npzRows(archive: NpzBytes, name: string, { header, entry }: { header: NpyHeader; entry: ZipEntry }): NpzRows {
  const count = header.shape[0] ?? 0;
  const rowBytes = count === 0 ? 0 : header.dataLength / count;
  const waiting: { index: number; resolve(row: Uint8Array): void; reject(error: unknown): void }[] = [];
  let source: ByteStream | undefined;
  let position = 0;
  let serving = false;

  const readNow = async (index: number) => {
    if (source === undefined || index < position || (entry.stored && index > position)) {
      await source?.close();
      const start = entry.stored ? header.dataOffset + index * rowBytes : 0;
      source = byteStream(archive, entry, name, start);
      if (!entry.stored) await source.skip(header.dataOffset);
      position = entry.stored ? index : 0;
    }
    await source.skip((index - position) * rowBytes);
    const row = await source.take(rowBytes);
    position = index + 1;
    return row;
  };
  const serve = async () => {
    serving = true;
    while (waiting.length > 0) {
      let next = 0;
      const ahead = (i: number) => (i >= position ? i - position : i + count);
      for (let i = 1; i < waiting.length; i++) if (ahead(nth(waiting, i).index) < ahead(nth(waiting, next).index)) next = i;
      const { index, resolve, reject } = nth(waiting.splice(next, 1), 0);
      try {
        resolve(await readNow(index));
      } catch (error) {
        await source?.close();
        source = undefined;
        reject(error);
      }
    }
    if (position === count) {
      await source?.close();
      source = undefined;
    }
    serving = false;
  };
  return {
    count,
    rowBytes,
    read(index) {
      if (!Number.isInteger(index) || index < 0 || index >= count)
        return Promise.reject(new DatasetError("bad_option", `row of ${name} — expected 0 to ${count - 1}, got ${index}.`));
      return new Promise((resolve, reject) => {
        waiting.push({ index, resolve, reject });
        if (!serving) void Promise.resolve().then(() => (serving ? undefined : serve()));
      });
    },
  };
}

async function readHeader(archive: NpzBytes, name: string, entry: ZipEntry): Promise<NpyHeader> {
  const source = byteStream(archive, entry, name, 0);
  try {
    const header = parseNpyHeader(await source.take(Math.min(MAX_NPY_HEADER, entry.size)), `npz member ${name}`);
    if (header.dataOffset + header.dataLength !== entry.size) {
      throw new DatasetError(
        "bad_file",
        `npz member ${name} — expected ${header.dataOffset + header.dataLength} bytes by its header, got ${entry.size}. Download it again.`,
      );
    }
    return header;
  } finally {
    await source.close();
  }
}

interface ByteStream {
  take(length: number): Promise<Uint8Array>;
  skip(length: number): Promise<void>;
  close(): Promise<void>;
}

/** Pulls exact byte counts out of a member; a stream that breaks, ends early, runs on or fails its CRC at the end is refused. */
function byteStream(archive: NpzBytes, entry: ZipEntry, name: string, start: number): ByteStream {
  const broken = (got: string, cause?: unknown) =>
    new DatasetError("bad_file", `npz member ${name} — expected sound data of ${entry.size} bytes, got ${got}. Download it again.`, {
      cause,
    });
  const iterator = archive.stream(entry, start);
  let held: Uint8Array = new Uint8Array();
  let seen = start;
  let sum = 0;
  const pull = async () => {
    let next: IteratorResult<Uint8Array>;
    try {
      next = await iterator.next();
    } catch (cause) {
      throw broken(cause instanceof Error ? cause.message : "an error", cause);
    }
    if (next.done) throw broken("an early end");
    held = next.value;
    seen += held.length;
    if (seen > entry.size) throw broken("more");
    if (start > 0) return;
    sum = crc32(held, sum);
    if (seen === entry.size && sum !== entry.crc32)
      throw new DatasetError("integrity", `npz member ${name} — expected the archive's CRC-32, got another. Download the file again.`);
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
    close: async () => void (await iterator.return?.()),
  };
}

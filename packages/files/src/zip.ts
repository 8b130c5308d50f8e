// The directory of a zip archive: name → where its bytes lie in the file. One reader for torch's stored archives (synchronous) and for the
// arrays of .npz (asynchronous, from a file or a picked Blob): the checks ask for ranges and do not know where these come from.
// Nothing is inflated and nothing is extracted here. Archives that lie about themselves (sizes, counts, overlapping or doubled entries,
// another name in front of the data than in the directory) are refused.

import type { ByteSource } from "./byte-source.js";
import { FilesError } from "./errors.js";
import { quoted } from "./quoted.js";

/** One entry of an archive: where its bytes lie, and what they become. */
export interface ZipEntry {
  /** Position of the first (packed) byte in the file. */
  readonly offset: number;
  /** Bytes that come out. */
  readonly size: number;
  /** Bytes in the file: `size` where the entry is stored. */
  readonly packedSize: number;
  /** Checksum of the bytes that come out, as the directory says it; 0 where the writer left it out. */
  readonly crc32: number;
  /** Stored as it is; otherwise deflated. */
  readonly stored: boolean;
}

/** Bounds of {@link readZip}; what exceeds one is refused as `too_large` before anything of it is read. */
export interface ZipLimits {
  readonly maxEntries: number;
  readonly maxDirectoryBytes: number;
}

/** More entries than any checkpoint has (one per tensor). */
export const MAX_ENTRIES = 16_384;
const TORCH_LIMITS: ZipLimits = { maxEntries: MAX_ENTRIES, maxDirectoryBytes: 8 << 20 };
const [END, END64, LOCATOR64, CENTRAL, LOCAL] = [0x06054b50, 0x06064b50, 0x07064b50, 0x02014b50, 0x04034b50];
const STORED = 0;
const DEFLATED = 8;

/** Asks for a range of the file, is given its bytes. */
type Ranges<T> = Generator<readonly [offset: number, length: number], T, Uint8Array>;
type Listed = { readonly name: string; readonly header: number; readonly method: number } & Omit<ZipEntry, "offset">;

/**
 * The directory of an archive whose entries are stored as they are (torch's .bin and .pt).
 * @throws FilesError `malformed_zip`; `unsupported_format` for compressed or encrypted entries
 */
export function readStoredZip(file: ByteSource): ReadonlyMap<string, ZipEntry> {
  const work = directory(file.size, TORCH_LIMITS, (name, method, flags) => {
    if (method === STORED && (flags & 0x41) === 0) return;
    throw new FilesError(
      "unsupported_format",
      `archive entry ${quoted(name)} — expected stored bytes, as torch.save writes them, got ${flags & 0x41 ? "encryption" : `compression ${method}`}. Save it again with torch, or convert it to safetensors.`,
    );
  });
  let step = work.next();
  while (!step.done) step = work.next(file.read(...step.value));
  return step.value;
}

/**
 * The directory of an archive of stored and deflated entries. `read` gives `length` bytes from `offset` on.
 * @throws FilesError `malformed_zip`, `too_large`; `unsupported_format` for encryption and other methods
 */
export async function readZip(
  file: { readonly size: number; read(offset: number, length: number): Promise<Uint8Array> },
  limits: ZipLimits,
): Promise<ReadonlyMap<string, ZipEntry>> {
  const work = directory(file.size, limits, (name, method, flags) => {
    if ((method === STORED || method === DEFLATED) && (flags & 0x41) === 0) return;
    throw new FilesError(
      "unsupported_format",
      `archive entry ${quoted(name)} — expected stored or deflated bytes, got ${flags & 0x41 ? "encryption" : `compression ${method}`}. Pack it again without.`,
    );
  });
  let step = work.next();
  while (!step.done) step = work.next(await file.read(...step.value));
  return step.value;
}

function malformed(message: string): FilesError {
  return new FilesError("malformed_zip", `archive ${message} The file is damaged; get it again.`);
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function u64(view: DataView, at: number, what: string): number {
  const value = view.getBigUint64(at, true);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed(`${what} — expected less than 2^53, got ${value}.`);
  return Number(value);
}

function* range(fileSize: number, offset: number, length: number): Ranges<Uint8Array> {
  if (offset < 0 || offset + length > fileSize) throw malformed(`— expected ${length} bytes at ${offset}, got the file's end.`);
  const bytes = yield [offset, length];
  if (bytes.length !== length) throw malformed(`— expected ${length} bytes at ${offset}, got ${bytes.length}.`);
  return bytes;
}

function* directory(
  fileSize: number,
  limits: ZipLimits,
  check: (name: string, method: number, flags: number) => void,
): Ranges<ReadonlyMap<string, ZipEntry>> {
  const { count, at: start, size } = yield* findDirectory(fileSize, limits);
  const bytes = yield* range(fileSize, start, size);
  const view = viewOf(bytes);
  const entries: Listed[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > size || view.getUint32(at, true) !== CENTRAL) throw malformed(`directory — expected ${count} entries, got ${i}.`);
    const [nameBytes, extraBytes, commentBytes] = [
      view.getUint16(at + 28, true),
      view.getUint16(at + 30, true),
      view.getUint16(at + 32, true),
    ];
    const next = at + 46 + nameBytes + extraBytes + commentBytes;
    if (next > size) throw malformed(`directory entry ${i} — expected it to end within ${size} bytes, got ${next}.`);
    const name = textOf(bytes.subarray(at + 46, at + 46 + nameBytes));
    const method = view.getUint16(at + 10, true);
    check(name, method, view.getUint16(at + 8, true));
    const wide = wideFields(view, at, nameBytes, extraBytes);
    const stored = method === STORED;
    if (stored && wide.packed !== wide.size) throw malformed(`entry ${quoted(name)} — expected ${wide.packed} bytes, got ${wide.size}.`);
    entries.push({
      name,
      method,
      stored,
      header: wide.header,
      size: wide.size,
      packedSize: wide.packed,
      crc32: view.getUint32(at + 16, true),
    });
    at = next;
  }
  if (at !== size) throw malformed(`directory — expected ${at} bytes for ${count} entries, got ${size}.`);
  return yield* located(fileSize, entries, start);
}

/** Finds the end record, and the wide one that torch always writes. */
function* findDirectory(fileSize: number, limits: ZipLimits): Ranges<{ count: number; at: number; size: number }> {
  const tailBytes = Math.min(fileSize, 22 + 0xffff);
  const view = viewOf(yield* range(fileSize, fileSize - tailBytes, tailBytes));
  let end = tailBytes - 22;
  while (end >= 0 && !(view.getUint32(end, true) === END && end + 22 + view.getUint16(end + 20, true) === tailBytes)) end--;
  if (end < 0) throw malformed("— expected an end record, got none.");
  const endAt = fileSize - tailBytes + end;
  const total = view.getUint16(end + 10, true);
  if (view.getUint16(end + 4, true) !== 0 || view.getUint16(end + 6, true) !== 0 || view.getUint16(end + 8, true) !== total)
    throw malformed("— expected one part, got several.");
  let found = { count: total, size: view.getUint32(end + 12, true), at: view.getUint32(end + 16, true) };
  let limit = endAt;
  if (end >= 20 && view.getUint32(end - 20, true) === LOCATOR64) {
    limit = u64(view, end - 12, "wide end record");
    if (limit + 56 + 20 !== endAt) throw malformed(`wide end record — expected it at ${endAt - 76}, got ${limit}.`);
    const record = viewOf(yield* range(fileSize, limit, 56));
    if (record.getUint32(0, true) !== END64) throw malformed("wide end record — expected its signature.");
    const wide = { count: u64(record, 32, "entry count"), size: u64(record, 40, "directory size"), at: u64(record, 48, "directory place") };
    const agrees = (narrow: number, mark: number, value: number) => narrow === mark || narrow === value;
    if (!agrees(found.count, 0xffff, wide.count) || !agrees(found.size, 0xffffffff, wide.size) || !agrees(found.at, 0xffffffff, wide.at)) {
      throw malformed("end records — expected both to say the same.");
    }
    found = wide;
  }
  if (found.count > limits.maxEntries || found.size > limits.maxDirectoryBytes) {
    throw new FilesError(
      "too_large",
      `archive directory — expected at most ${limits.maxEntries} entries in ${limits.maxDirectoryBytes} bytes, got ${found.count} in ${found.size}. It is no file of this kind.`,
    );
  }
  if (found.at + found.size !== limit) throw malformed(`directory — expected it to end at ${limit}, got ${found.at + found.size}.`);
  return found;
}

/** Sizes and place of a directory entry; 0xffffffff means that the zip64 field has the number. */
function wideFields(view: DataView, at: number, nameBytes: number, extraBytes: number) {
  const fields = { size: view.getUint32(at + 24, true), packed: view.getUint32(at + 20, true), header: view.getUint32(at + 42, true) };
  const keys = (["size", "packed", "header"] as const).filter((key) => fields[key] === 0xffffffff);
  if (keys.length === 0) return fields;
  const end = at + 46 + nameBytes + extraBytes;
  for (let field = at + 46 + nameBytes; field + 4 <= end; field += 4 + view.getUint16(field + 2, true)) {
    const length = view.getUint16(field + 2, true);
    if (view.getUint16(field, true) !== 1 || length < keys.length * 8 || field + 4 + length > end) continue;
    for (const [i, key] of keys.entries()) fields[key] = u64(view, field + 4 + 8 * i, key);
    return fields;
  }
  throw malformed("directory — expected wide sizes, got none.");
}

/** Follows each entry to its bytes, which must lie one behind the other before the directory. */
function* located(fileSize: number, entries: readonly Listed[], directoryAt: number): Ranges<Map<string, ZipEntry>> {
  const found = new Map<string, ZipEntry>();
  let free = 0;
  for (const { name, header, method, ...entry } of [...entries].sort((a, b) => a.header - b.header)) {
    const label = `entry ${quoted(name)}`;
    if (found.has(name)) throw malformed(`${label} — expected each name once.`);
    if (header < free || header + 30 > directoryAt)
      throw malformed(`${label} — expected its own bytes before the directory, got ${header}.`);
    const local = viewOf(yield* range(fileSize, header, 30));
    const [nameBytes, extraBytes] = [local.getUint16(26, true), local.getUint16(28, true)];
    const offset = header + 30 + nameBytes + extraBytes;
    if (offset + entry.packedSize > directoryAt)
      throw malformed(`${label} — expected ${entry.packedSize} bytes before the directory, got fewer.`);
    const own = textOf(yield* range(fileSize, header + 30, nameBytes));
    if (local.getUint32(0, true) !== LOCAL || local.getUint16(8, true) !== method || own !== name) {
      throw malformed(`${label} — expected the same entry in front of its bytes, got ${quoted(own)}.`);
    }
    found.set(name, { offset, ...entry });
    free = offset + entry.packedSize;
  }
  return found;
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new FilesError("malformed_zip", "archive entry name — expected UTF-8. The file is damaged; get it again.", { cause });
  }
}

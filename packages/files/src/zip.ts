// The directory of a zip archive whose entries are stored as they are (torch's .bin and .pt): name → where its bytes lie in the file.
// Nothing is inflated and nothing is extracted, so an archive cannot become larger than it is. Archives that lie about themselves (sizes,
// counts, overlapping or doubled entries, another name in front of the data than in the directory) are refused.

import type { ByteSource } from "./byte-source.js";
import { FilesError } from "./errors.js";
import { quoted } from "./quoted.js";

export interface StoredEntry {
  /** Position of the first byte in the file. */
  readonly offset: number;
  readonly size: number;
  /** Checksum of the bytes as the directory says it; 0 where the writer left it out. */
  readonly crc32: number;
}

/** More entries than any checkpoint has (one per tensor). */
export const MAX_ENTRIES = 16_384;
const MAX_DIRECTORY_BYTES = 8 << 20;
const [END, END64, LOCATOR64, CENTRAL, LOCAL] = [0x06054b50, 0x06064b50, 0x07064b50, 0x02014b50, 0x04034b50];

function malformed(message: string): FilesError {
  return new FilesError("malformed_zip", `archive ${message} The file is damaged; get it again.`);
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function u64(view: DataView, at: number, what: string): number {
  const value = view.getBigUint64(at, true);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed(`${what} — expected less than 2^53, got ${value}.`);
  return Number(value);
}

/**
 * Reads and checks the directory.
 * @throws FilesError `malformed_zip`; `unsupported_format` for compressed or encrypted entries.
 */
export function readStoredZip(file: ByteSource): ReadonlyMap<string, StoredEntry> {
  const { count, at: start, size } = findDirectory(file);
  const bytes = file.read(start, size);
  const view = viewOf(bytes);
  const entries: { name: string; header: number; size: number; crc32: number }[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > size || view.getUint32(at, true) !== CENTRAL) throw malformed(`directory — expected ${count} entries, got ${i}.`);
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((o) => view.getUint16(at + o, true)) as [number, number, number];
    const next = at + 46 + nameBytes + extraBytes + commentBytes;
    if (next > size) throw malformed(`directory entry ${i} — expected it to end within ${size} bytes, got ${next}.`);
    const name = textOf(bytes.subarray(at + 46, at + 46 + nameBytes));
    const flags = view.getUint16(at + 8, true);
    const method = view.getUint16(at + 10, true);
    if (method !== 0 || (flags & 1) !== 0) {
      throw new FilesError(
        "unsupported_format",
        `archive entry ${quoted(name)} — expected stored bytes, as torch.save writes them, got ${flags & 1 ? "encryption" : `compression ${method}`}. Save it again with torch, or convert it to safetensors.`,
      );
    }
    const wide = wideFields(view, at, nameBytes, extraBytes);
    if (wide.packed !== wide.size) throw malformed(`entry ${quoted(name)} — expected ${wide.packed} bytes, got ${wide.size}.`);
    entries.push({ name, header: wide.header, size: wide.size, crc32: view.getUint32(at + 16, true) });
    at = next;
  }
  if (at !== size) throw malformed(`directory — expected ${at} bytes for ${count} entries, got ${size}.`);
  return located(file, entries, start);
}

/** Finds the end record, and the wide one that torch always writes. */
function findDirectory(file: ByteSource): { count: number; at: number; size: number } {
  const tailBytes = Math.min(file.size, 22 + 0xffff);
  const tail = file.read(file.size - tailBytes, tailBytes);
  const view = viewOf(tail);
  let end = tailBytes - 22;
  while (end >= 0 && !(view.getUint32(end, true) === END && end + 22 + view.getUint16(end + 20, true) === tailBytes)) end--;
  if (end < 0) throw malformed("— expected an end record, got none.");
  const endAt = file.size - tailBytes + end;
  const [disk, first, here, total] = [4, 6, 8, 10].map((o) => view.getUint16(end + o, true)) as [number, number, number, number];
  if (disk !== 0 || first !== 0 || here !== total) throw malformed("— expected one part, got several.");
  let found = { count: total, size: view.getUint32(end + 12, true), at: view.getUint32(end + 16, true) };
  let limit = endAt;
  if (end >= 20 && view.getUint32(end - 20, true) === LOCATOR64) {
    limit = u64(view, end - 12, "wide end record");
    if (limit + 56 + 20 !== endAt) throw malformed(`wide end record — expected it at ${endAt - 76}, got ${limit}.`);
    const record = viewOf(file.read(limit, 56));
    if (record.getUint32(0, true) !== END64) throw malformed("wide end record — expected its signature.");
    const wide = { count: u64(record, 32, "entry count"), size: u64(record, 40, "directory size"), at: u64(record, 48, "directory place") };
    const agrees = (narrow: number, mark: number, value: number) => narrow === mark || narrow === value;
    if (!agrees(found.count, 0xffff, wide.count) || !agrees(found.size, 0xffffffff, wide.size) || !agrees(found.at, 0xffffffff, wide.at)) {
      throw malformed("end records — expected both to say the same.");
    }
    found = wide;
  }
  if (found.count > MAX_ENTRIES || found.size > MAX_DIRECTORY_BYTES) {
    throw malformed(`directory — expected at most ${MAX_ENTRIES} entries, got ${found.count} in ${found.size} bytes.`);
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
function located(
  file: ByteSource,
  entries: readonly { name: string; header: number; size: number; crc32: number }[],
  directory: number,
): Map<string, StoredEntry> {
  const found = new Map<string, StoredEntry>();
  let free = 0;
  for (const { name, header, size, crc32 } of [...entries].sort((a, b) => a.header - b.header)) {
    const label = `entry ${quoted(name)}`;
    if (found.has(name)) throw malformed(`${label} — expected each name once.`);
    if (header < free || header + 30 > directory) throw malformed(`${label} — expected its own bytes before the directory, got ${header}.`);
    const local = viewOf(file.read(header, 30));
    const [nameBytes, extraBytes] = [local.getUint16(26, true), local.getUint16(28, true)];
    const offset = header + 30 + nameBytes + extraBytes;
    if (offset + size > directory) throw malformed(`${label} — expected ${size} bytes before the directory, got fewer.`);
    const own = textOf(file.read(header + 30, nameBytes));
    if (local.getUint32(0, true) !== LOCAL || local.getUint16(8, true) !== 0 || own !== name) {
      throw malformed(`${label} — expected the same entry in front of its bytes, got ${quoted(own)}.`);
    }
    found.set(name, { offset, size, crc32 });
    free = offset + size;
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

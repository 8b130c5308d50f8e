// A zip archive in a Blob (a File picked in a browser): its directory read from the end, members inflated in small steps.
// Only what .npz files use: one disk, methods stored and deflate, zip64; every offset is checked against the Blob's size.

import { Inflate } from "fflate";
import { DatasetError } from "./errors.js";
import {
  checkMemberCount,
  DEFAULT_NPZ_LIMITS,
  type NpzFile,
  type NpzLimits,
  openNpzArchive,
  type ZipArchive,
  type ZipMember,
} from "./npz.js";

/** Input per step: at deflate's most, 1032 : 1, a step gives 16 MiB. */
const STEP = 16 * 1024;
const MAX_DIRECTORY = 1024 * 1024;

/** Opens an .npz in a Blob. @throws DatasetError `bad_file`, `too_large`, `integrity` @example await readNpzBlob(input.files[0]) */
export async function readNpzBlob(blob: Blob, limits: Partial<NpzLimits> = {}): Promise<NpzFile> {
  const located = await readDirectory(blob, { ...DEFAULT_NPZ_LIMITS, ...limits });
  const archive: ZipArchive = {
    members: [...located.keys()],
    stream: (member, start) => streamMember(blob, member, located.get(member)!, start),
    close() {},
  };
  return openNpzArchive(archive, blob.size, limits);
}

function bad(what: string): DatasetError {
  return new DatasetError("bad_file", `npz file — expected a sound zip archive, got ${what}. Download it again.`);
}

async function view(blob: Blob, start: number, length: number): Promise<DataView> {
  if (start < 0 || start + length > blob.size) throw bad("a position outside the file");
  return new DataView(await blob.slice(start, start + length).arrayBuffer());
}

function big(at: DataView, offset: number): number {
  const value = Number(at.getBigUint64(offset, true));
  if (!Number.isSafeInteger(value)) throw bad("a number out of range");
  return value;
}

async function readDirectory(blob: Blob, limits: NpzLimits): Promise<Map<ZipMember, number>> {
  const tailLength = Math.min(blob.size, 22 + 65_535);
  const tail = await view(blob, blob.size - tailLength, tailLength);
  let end = tailLength - 22;
  while (end >= 0 && !(tail.getUint32(end, true) === 0x0605_4b50 && end + 22 + tail.getUint16(end + 20, true) === tailLength)) end--;
  if (end < 0) throw bad("no end record");
  if (tail.getUint16(end + 4, true) !== 0) throw bad("a part of several");
  let count = tail.getUint16(end + 10, true);
  let size = tail.getUint32(end + 12, true);
  let start = tail.getUint32(end + 16, true);
  if (count === 0xffff || size === 0xffff_ffff || start === 0xffff_ffff) {
    if (end < 20 || tail.getUint32(end - 20, true) !== 0x0706_4b50) throw bad("no zip64 locator");
    const record = await view(blob, big(tail, end - 12), 56);
    if (record.getUint32(0, true) !== 0x0606_4b50) throw bad("no zip64 end record");
    [count, size, start] = [big(record, 32), big(record, 40), big(record, 48)];
  }
  checkMemberCount(count, limits);
  if (size > MAX_DIRECTORY)
    throw new DatasetError("too_large", `npz directory — expected at most ${MAX_DIRECTORY} bytes, got ${size}. Use an official file.`);
  return parseDirectory(await view(blob, start, size), count, blob.size);
}

function parseDirectory(directory: DataView, count: number, blobSize: number): Map<ZipMember, number> {
  const members = new Map<ZipMember, number>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > directory.byteLength || directory.getUint32(at, true) !== 0x0201_4b50) throw bad("a broken directory");
    const method = directory.getUint16(at + 10, true);
    if ((directory.getUint16(at + 8, true) & 0x41) !== 0 || (method !== 0 && method !== 8))
      throw bad("an encrypted member or another method");
    const nameLength = directory.getUint16(at + 28, true);
    const extraLength = directory.getUint16(at + 30, true);
    const after = at + 46 + nameLength + extraLength + directory.getUint16(at + 32, true);
    if (after > directory.byteLength) throw bad("a broken directory");
    const fileName = new TextDecoder("latin1").decode(new Uint8Array(directory.buffer, at + 46, nameLength));
    const fields = [directory.getUint32(at + 24, true), directory.getUint32(at + 20, true), directory.getUint32(at + 42, true)];
    const [size, compressedSize, offset] = zip64(directory, at + 46 + nameLength, extraLength, fields) as [number, number, number];
    if (offset + 30 + compressedSize > blobSize) throw bad("a member outside the file");
    members.set({ fileName, size, compressedSize, crc32: directory.getUint32(at + 16, true), stored: method === 0 }, offset);
    at = after;
  }
  return members;
}

/** Fields of 0xFFFFFFFF stand, in order, in the extra field with id 1. */
function zip64(directory: DataView, start: number, length: number, fields: number[]): number[] {
  if (!fields.includes(0xffff_ffff)) return fields;
  for (let at = start; at + 4 <= start + length; ) {
    const end = at + 4 + directory.getUint16(at + 2, true);
    if (end > start + length) break;
    if (directory.getUint16(at, true) === 1) {
      let next = at + 4;
      return fields.map((field) => {
        if (field !== 0xffff_ffff) return field;
        if (next + 8 > end) throw bad("a short zip64 field");
        next += 8;
        return big(directory, next - 8);
      });
    }
    at = end;
  }
  throw bad("no zip64 field");
}

async function* streamMember(blob: Blob, member: ZipMember, offset: number, start: number): AsyncGenerator<Uint8Array, void> {
  const local = await view(blob, offset, 30);
  if (local.getUint32(0, true) !== 0x0403_4b50) throw bad("no member at its place");
  const from = offset + 30 + local.getUint16(26, true) + local.getUint16(28, true);
  const to = from + member.compressedSize;
  if (to > blob.size) throw bad("a member outside the file");
  const out: Uint8Array[] = [];
  const inflate = new Inflate((chunk) => void out.push(chunk));
  for (let at = from + start; at < to; ) {
    // Stored bytes can be read in larger pieces; compressed ones in steps that cannot explode.
    const next = Math.min(to, at + (member.stored ? 16 * STEP : STEP));
    const piece = new Uint8Array(await blob.slice(at, next).arrayBuffer());
    if (member.stored) yield piece;
    else {
      inflate.push(piece, next === to);
      for (const chunk of out.splice(0)) if (chunk.length > 0) yield chunk;
    }
    at = next;
  }
}

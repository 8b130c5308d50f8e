// The safetensors format, read and written with every one of its rules: 8 bytes of header length, a JSON header, then the tensors' bytes
// back to back. Reading looks at the header only; a tensor's bytes are read when asked for, so a file is never twice in memory.
// What the tensors mean is not decided here (state-dict.ts, spec.ts, bank.ts).

import { type ByteSource, bytesSource, isJsonObject, type Json, parseStrictJson, quoted } from "@biovlm/files";
import { ModelError } from "../contract/errors.js";

/** Bytes per element of every dtype read and written. (The format's sub-byte types F4 and F6 are refused by name.) */
export const SAFETENSORS_DTYPES = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E5M2: 1,
  F8_E4M3: 1,
  F8_E8M0: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  F64: 8,
  I64: 8,
  U64: 8,
  C64: 8,
} as const;
/** Element types as a safetensors header names them, e.g. "F32". */
export type SafetensorsDtype = keyof typeof SAFETENSORS_DTYPES;

/** One tensor of a file: `bytes()` reads it, little-endian and row-major, `byteLength` long. */
export interface SafetensorsTensor {
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  /** Position of the first byte in the file. */
  readonly offset: number;
  readonly byteLength: number;
  bytes(): Uint8Array;
  /** `length` of its bytes from `offset` on, without the others; the caller stays within them. */
  range(offset: number, length: number): Uint8Array;
}

/** A safetensors file's header; tensors are read on demand. */
export interface Safetensors {
  /** The header's `__metadata__`, without a prototype; empty when the file has none. */
  readonly metadata: Readonly<Record<string, string>>;
  /** In the order of the bytes in the file. */
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>;
}

/** What is written: name, dtype, shape, and the bytes when their turn comes. */
export interface TensorToWrite {
  readonly name: string;
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  bytes(): Uint8Array;
}

/** The format's own limit on the header. */
const MAX_HEADER_BYTES = 100_000_000;
const MAX_RANK = 16;

function malformed(message: string): ModelError {
  return new ModelError("malformed_safetensors", `safetensors ${message} The file is damaged or is none; get it again.`);
}

/**
 * Reads the header and checks all of it: length ≤ 100 MB and within the file, starts with `{`, well-formed UTF-8 and JSON, no key twice,
 * only the known fields, metadata of strings, sizes × dtype = span without overflow, spans back to back from 0 to the end of the file.
 * @param source a whole file in memory, or a source that reads ranges of one.
 * @throws ModelError `malformed_safetensors`; `unsupported_dtype` for an element type the format does not know or that is smaller than a byte.
 * @example const { metadata, tensors } = openSafetensors(bytes); tensors.get("ctx")?.bytes();
 */
export function openSafetensors(source: Uint8Array | ByteSource, { maxHeaderBytes = MAX_HEADER_BYTES } = {}): Safetensors {
  const file = source instanceof Uint8Array ? bytesSource(source) : source;
  if (file.size < 8) throw malformed(`file — expected at least 8 bytes, got ${file.size}.`);
  const head = file.read(0, 8);
  const view = new DataView(head.buffer, head.byteOffset, 8);
  const headerBytes = view.getUint32(4, true) === 0 ? view.getUint32(0, true) : Number(view.getBigUint64(0, true));
  if (headerBytes > maxHeaderBytes) throw malformed(`header — expected at most ${maxHeaderBytes} bytes, got ${headerBytes}.`);
  const start = 8 + headerBytes;
  if (start > file.size) throw malformed(`header — expected it to end within the ${file.size} bytes of the file, got ${start}.`);

  const header = parseHeader(file.read(8, headerBytes));
  const metadata: Record<string, string> = Object.create(null);
  const found: { name: string; tensor: SafetensorsTensor }[] = [];
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") Object.assign(metadata, readMetadata(entry));
    else found.push({ name, tensor: readEntry(name, entry, start, file) });
  }
  found.sort((a, b) => a.tensor.offset - b.tensor.offset || a.tensor.byteLength - b.tensor.byteLength);
  let end = start;
  for (const { name, tensor } of found) {
    if (tensor.offset !== end) {
      throw malformed(
        `tensor ${quoted(name)} — expected its bytes at ${end - start}, right behind the tensor before it, got ${tensor.offset - start}.`,
      );
    }
    end += tensor.byteLength;
  }
  if (end !== file.size) throw malformed(`file — expected ${end} bytes from its header, got ${file.size}.`);
  return { metadata, tensors: new Map(found.map(({ name, tensor }) => [name, tensor])) };
}

function parseHeader(bytes: Uint8Array) {
  if (bytes[0] !== 0x7b) throw malformed("header — expected it to start with {.");
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new ModelError("malformed_safetensors", "safetensors header — expected UTF-8. The file is damaged or is none; get it again.", {
      cause,
    });
  }
  const header = parseStrictJson(text, "safetensors header", { maxDepth: 4, integers: true, code: "malformed_safetensors" });
  return header as { readonly [key: string]: Json };
}

function readMetadata(entry: Json): Record<string, string> {
  if (!isJsonObject(entry)) throw malformed("__metadata__ — expected an object.");
  for (const [key, value] of Object.entries(entry)) {
    if (typeof value !== "string") throw malformed(`__metadata__ ${quoted(key)} — expected a string, got ${typeof value}.`);
  }
  return entry as Record<string, string>;
}

const isSize = (n: unknown): n is number => Number.isSafeInteger(n) && (n as number) >= 0 && !Object.is(n, -0);

function readEntry(name: string, entry: Json, start: number, file: ByteSource): SafetensorsTensor {
  const label = `tensor ${quoted(name)}`;
  if (!isJsonObject(entry) || Object.keys(entry).sort().join() !== "data_offsets,dtype,shape") {
    throw malformed(`${label} — expected an object of dtype, shape and data_offsets.`);
  }
  const { dtype, shape, data_offsets: span } = entry as Record<string, unknown>;
  if (typeof dtype !== "string") throw malformed(`${label} dtype — expected a string, got ${typeof dtype}.`);
  if (!Object.hasOwn(SAFETENSORS_DTYPES, dtype)) {
    const known = Object.keys(SAFETENSORS_DTYPES).join(", ");
    throw new ModelError(
      "unsupported_dtype",
      `safetensors ${label} dtype — expected one of ${known}, got ${quoted(dtype)}. Convert the file.`,
    );
  }
  if (!Array.isArray(shape) || shape.length > MAX_RANK || !shape.every(isSize)) {
    throw malformed(`${label} shape — expected at most ${MAX_RANK} whole sizes.`);
  }
  if (!Array.isArray(span) || span.length !== 2 || !span.every(isSize)) throw malformed(`${label} data_offsets — expected [begin, end].`);
  const [begin, end] = span as [number, number];
  if (begin > end || end > file.size - start) {
    throw malformed(
      `${label} data_offsets — expected a span within the ${file.size - start} bytes behind the header, got [${begin}, ${end}].`,
    );
  }
  const known = dtype as SafetensorsDtype;
  const bytes = byteCount(known, shape as number[]);
  if (bytes !== end - begin) {
    throw malformed(
      `${label} — expected ${Number.isFinite(bytes) ? bytes : "an impossible number of"} bytes for its shape, got ${end - begin}.`,
    );
  }
  const offset = start + begin;
  return {
    dtype: known,
    shape: shape as number[],
    offset,
    byteLength: bytes,
    bytes: () => file.read(offset, bytes),
    range: (from, length) => file.read(offset + from, length),
  };
}

/** Bytes of a shape; Infinity when float64 cannot count them. The format counts as machine words do: an overflow on the way to 0 is one too. */
function byteCount(dtype: SafetensorsDtype, shape: readonly number[]): number {
  let n: number = SAFETENSORS_DTYPES[dtype];
  for (const d of shape) {
    n *= d;
    if (!Number.isSafeInteger(n)) return Number.POSITIVE_INFINITY;
  }
  return n;
}

/** The layout of a file to be written: its header, and the tensors in the order in which their bytes follow it. */
export interface SafetensorsLayout {
  /** Length word and padded JSON. */
  readonly header: Uint8Array;
  readonly order: readonly TensorToWrite[];
  /** Bytes of each tensor of `order`. */
  readonly sizes: readonly number[];
  /** Size of the whole file. */
  readonly byteLength: number;
}

/**
 * Lays a file out: widest dtype first, then by name, so that every tensor is aligned and the same content gives the same bytes;
 * metadata keys sorted; the header padded to 8 bytes with spaces.
 * @throws ModelError `bad_argument` for a name twice, `__metadata__`, text that is no well-formed Unicode, a metadata value that is no string.
 */
export function layOutSafetensors(tensors: Iterable<TensorToWrite>, metadata: Readonly<Record<string, string>> = {}): SafetensorsLayout {
  const wide = (t: TensorToWrite) => SAFETENSORS_DTYPES[t.dtype];
  const order = [...tensors].sort((a, b) => wide(b) - wide(a) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const parts: string[] = [];
  const keys = Object.keys(metadata).sort();
  for (const key of keys) {
    if (typeof metadata[key] !== "string") throw writing(`metadata ${quoted(key)} — expected a string, got ${typeof metadata[key]}`);
    checkText(key);
    checkText(metadata[key]);
  }
  if (keys.length > 0) parts.push(`"__metadata__":{${keys.map((k) => `${JSON.stringify(k)}:${JSON.stringify(metadata[k])}`).join(",")}}`);
  const sizes: number[] = [];
  const names = new Set<string>();
  let at = 0;
  for (const t of order) {
    checkText(t.name);
    const bytes = Object.hasOwn(SAFETENSORS_DTYPES, t.dtype) && t.shape.every(isSize) ? byteCount(t.dtype, t.shape) : Number.NaN;
    if (!Number.isFinite(bytes) || t.shape.length > MAX_RANK)
      throw writing(`tensor ${quoted(t.name)} — expected a known dtype and whole sizes`);
    if (names.has(t.name) || t.name === "__metadata__" || t.name === "__proto__") {
      throw writing(`tensor name ${quoted(t.name)} — expected each name once, and neither __metadata__ nor __proto__`);
    }
    parts.push(`${JSON.stringify(t.name)}:{"dtype":"${t.dtype}","shape":[${t.shape.join(",")}],"data_offsets":[${at},${at + bytes}]}`);
    names.add(t.name);
    sizes.push(bytes);
    at += bytes;
  }
  const json = new TextEncoder().encode(`{${parts.join(",")}}`);
  const padded = Math.ceil(json.length / 8) * 8;
  if (padded > MAX_HEADER_BYTES) throw writing(`header — expected at most ${MAX_HEADER_BYTES} bytes, got ${padded}`);
  const header = new Uint8Array(8 + padded).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(padded), true);
  header.set(json, 8);
  return { header, order, sizes, byteLength: header.length + at };
}

/** The chunks of a file in order, each tensor's bytes asked for only when its turn comes. Throws `bad_argument` for bytes of another length than the shape says. */
export function* safetensorsChunks({ header, order, sizes }: SafetensorsLayout): Generator<Uint8Array> {
  yield header;
  for (const [i, tensor] of order.entries()) {
    const bytes = tensor.bytes();
    if (bytes.byteLength !== sizes[i]) throw writing(`tensor ${quoted(tensor.name)} — expected ${sizes[i]} bytes, got ${bytes.byteLength}`);
    yield bytes;
  }
}

/**
 * Writes a file in memory.
 * @example writeSafetensors([{ name: "ctx", dtype: "F32", shape: [10, 4, 768], bytes: () => bytes }], { format: "biovlm-bank/1" })
 */
export function writeSafetensors(tensors: Iterable<TensorToWrite>, metadata?: Readonly<Record<string, string>>): Uint8Array {
  const layout = layOutSafetensors(tensors, metadata);
  const out = new Uint8Array(layout.byteLength);
  let at = 0;
  for (const chunk of safetensorsChunks(layout)) {
    out.set(chunk, at);
    at += chunk.byteLength;
  }
  return out;
}

function writing(message: string): ModelError {
  return new ModelError("bad_argument", `safetensors ${message}. Correct the call.`);
}

function checkText(text: string): void {
  if (/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(text))
    throw writing(`text ${quoted(text)} — expected well-formed Unicode`);
}

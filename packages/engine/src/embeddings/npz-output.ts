// Arrays as numpy keeps them: an .npy header, and an .npz archive of several, stored as they are and written as they come. The archive's time is
// fixed, so that the same arrays are the same bytes.

import { Zip, ZipPassThrough } from "fflate";
import { EngineError } from "../contract/errors.js";

/** One array of an archive. */
export interface NpzArray {
  /** ending in .npy */
  readonly name: string;
  /** numpy's: <f4, |u1, <U20 */
  readonly type: string;
  readonly shape: readonly number[];
  /** of its first axis */
  readonly rowBytes: number;
  rows(): AsyncIterable<Uint8Array>;
}

/** The first array of an archive of embeddings. */
export const NPZ_ROWS = "embeddings.npy";
const ROWS_TYPE = "<f4";
/** Of a zip archive without its 64-bit form. */
const MAX_BYTES = 0xffff_0000;
const LOCAL_HEADER = 30;
const EPOCH = new Date(1980, 0, 1);

/** The head of an array in row-major order. */
export function npyHeader(type: string, shape: readonly number[]): Uint8Array {
  const dict = `{'descr': '${type}', 'fortran_order': False, 'shape': (${shape.join(", ")}${shape.length === 1 ? "," : ""}), }`;
  // Magic, version and length take 10 bytes; the format asks for a multiple of 64 that ends in a newline.
  const length = Math.ceil((10 + dict.length + 1) / 64) * 64 - 10;
  const header = Buffer.alloc(10 + length, 0x20);
  header.write("\x93NUMPY\x01\x00", 0, "latin1");
  header.writeUInt16LE(length, 8);
  header.write(dict, 10, "latin1");
  header[header.length - 1] = 0x0a;
  return header;
}

/** Where the rows of an archive of embeddings begin. */
export function npzRowsAt(shape: readonly number[]): number {
  return LOCAL_HEADER + NPZ_ROWS.length + npyHeader(ROWS_TYPE, shape).length;
}

/** A text as numpy keeps it: code points of four bytes, filled up with zeros. */
export function wideText(text: string, length: number): Uint8Array {
  const out = Buffer.alloc(length * 4);
  for (const [i, letter] of Array.from(text).slice(0, length).entries()) out.writeUInt32LE(letter.codePointAt(0) ?? 0, i * 4);
  return out;
}

/** The archive, piece by piece. @throws EngineError `bad_option` where it would take 4 GiB or more */
export async function* npzChunks(arrays: readonly NpzArray[]): AsyncGenerator<Uint8Array> {
  const total = arrays.reduce((sum, { shape, rowBytes }) => sum + 1024 + (shape[0] ?? 0) * rowBytes, 0);
  if (total > MAX_BYTES)
    throw new EngineError("bad_option", `npz of ${total} bytes — expected less than 4 GiB. Write .safetensors or .npy.`);
  const pieces: Uint8Array[] = [];
  const zip = new Zip((error, piece) => {
    if (error !== null) throw error;
    pieces.push(piece);
  });
  for (const { name, type, shape, rows } of arrays) {
    const entry = new ZipPassThrough(name);
    entry.mtime = EPOCH;
    zip.add(entry);
    entry.push(npyHeader(type, shape));
    for await (const chunk of rows()) {
      entry.push(chunk);
      yield* pieces.splice(0);
    }
    entry.push(new Uint8Array(0), true);
    yield* pieces.splice(0);
  }
  zip.end();
  yield* pieces.splice(0);
}

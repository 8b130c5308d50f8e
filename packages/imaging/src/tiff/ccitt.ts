// CCITT's codings of two-coloured pictures, undone: rows of runs (TIFF's 2, and group 3), and rows as they differ from the one above (group 3 in
// two dimensions, group 4). Bits that are set are black. What does not make whole rows is refused: nothing is guessed.

import { corrupt, unsupported } from "../errors.js";
import { COMPRESSIONS } from "../headers/tiff.js";
import { type CodeTable, ccittTables, MODE, MODE_BITS, RUN_BITS, TERMINATING } from "./ccitt-codes.js";

/** How rows are coded. */
export interface CcittKind {
  /** rows begin at a byte, with nothing between them */
  readonly aligned: boolean;
  /** rows begin with an end-of-line code */
  readonly marked: boolean;
  /** always, where a bit behind the end-of-line code says so, or never */
  readonly againstAbove: "always" | "said" | "never";
}

/** @param options TIFF's T4Options @throws ImagingError `unsupported_format` */
export function ccittKind(compression: number, options: number): CcittKind {
  if (compression === COMPRESSIONS.ccittG4) return { aligned: false, marked: false, againstAbove: "always" };
  if (compression === COMPRESSIONS.ccitt) return { aligned: true, marked: false, againstAbove: "never" };
  if ((options & 2) !== 0) throw unsupported("TIFF with CCITT in uncompressed mode", "Save it again with group 4, deflate or LZW.");
  return { aligned: false, marked: true, againstAbove: (options & 1) !== 0 ? "said" : "never" };
}

const EOL_ZEROS = 11;

/** Reads codes from the highest bit on; behind the end there are zeros, which are no code. */
class CodeReader {
  private at = 0;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  private peek(count: number): number {
    const { bytes, at } = this;
    const first = at >> 3;
    const three = ((bytes[first] ?? 0) << 16) | ((bytes[first + 1] ?? 0) << 8) | (bytes[first + 2] ?? 0);
    return (three >> (24 - (at & 7) - count)) & ((1 << count) - 1);
  }

  code({ lengths, values }: CodeTable, bits: number): number {
    const next = this.peek(bits);
    const length = lengths[next] ?? 0;
    this.at += length;
    if (length === 0 || this.at > this.bytes.length * 8) throw corrupt("TIFF with CCITT — expected a code of a run, got none or the end");
    return values[next] ?? 0;
  }

  bit(): number {
    const value = this.peek(1);
    this.at++;
    return value;
  }

  align(): void {
    this.at = Math.ceil(this.at / 8) * 8;
  }

  /** Goes behind an end-of-line code, where one is next. */
  skipEndOfLine(): void {
    const start = this.at;
    const end = this.bytes.length * 8;
    while (this.at < end && this.peek(1) === 0) this.at++;
    if (this.at - start >= EOL_ZEROS && this.at < end) this.at++;
    else this.at = start;
  }
}

let tables: ReturnType<typeof ccittTables> | undefined;

/** Where a row changes its colour; it begins white. */
class Changes {
  readonly at: number[] = [];

  /** The next change; two at one place are none. */
  add(position: number, width: number): void {
    if (position > width || position < (this.at.at(-1) ?? 0))
      throw corrupt(`TIFF with CCITT — expected a row of ${width} pixels, got runs that do not make it`);
    if (this.at.at(-1) === position) this.at.pop();
    else this.at.push(position);
  }
}

function run(reader: CodeReader, table: CodeTable): number {
  for (let length = 0; ; ) {
    const part = reader.code(table, RUN_BITS);
    length += part;
    if (part < TERMINATING) return length;
    // a row of TIFF has fewer pixels: no file may make the sum overflow
    if (length > 2 ** 31) throw corrupt("TIFF with CCITT — expected a run that ends, got a longer one");
  }
}

type Tables = ReturnType<typeof ccittTables>;

function rowOfRuns(reader: CodeReader, { runs }: Tables, width: number): Changes {
  const row = new Changes();
  for (let [at, colour] = [0, 0]; at < width; colour ^= 1) {
    at += run(reader, runs[colour === 0 ? 0 : 1]);
    row.add(at, width);
  }
  return row;
}

function rowAgainst(reader: CodeReader, { runs, modes }: Tables, above: readonly number[], width: number): Changes {
  const row = new Changes();
  const change = (i: number) => above[i] ?? width;
  // before the first pixel, which is white unless a change says otherwise
  let [at, colour, index] = [-1, 0, 0];
  while (at < width) {
    // the first change above that lies behind and is to the other colour
    if ((index & 1) !== colour) index += index > 0 ? -1 : 1;
    while (index >= 2 && change(index - 2) > at) index -= 2;
    while (change(index) <= at && change(index) < width) index += 2;
    const mode = reader.code(modes, MODE_BITS);
    if (mode === MODE.pass) at = change(index + 1);
    else if (mode === MODE.horizontal) {
      const first = Math.max(at, 0) + run(reader, runs[colour === 0 ? 0 : 1]);
      row.add(first, width);
      at = first + run(reader, runs[colour === 0 ? 1 : 0]);
      row.add(at, width);
    } else {
      const place = change(index) + mode;
      if (place < at) throw corrupt("TIFF with CCITT — expected a change behind the last one, got one before it");
      at = place;
      row.add(at, width);
      colour ^= 1;
    }
  }
  return row;
}

/** Sets the bits of the black runs. */
function paint(bytes: Uint8Array, from: number, changes: readonly number[], width: number): void {
  for (let i = 0; i < changes.length; i += 2) {
    const [start, end] = [changes[i] ?? width, changes[i + 1] ?? width];
    for (let x = start; x < end; ) {
      if ((x & 7) === 0 && x + 8 <= end) {
        bytes[from + (x >> 3)] = 0xff;
        x += 8;
      } else {
        bytes[from + (x >> 3)] = (bytes[from + (x >> 3)] ?? 0) | (0x80 >> (x & 7));
        x++;
      }
    }
  }
}

/** Unpacks a block: rows of ⌈width / 8⌉ bytes. @throws ImagingError `corrupt_image` */
export function unpackCcitt(packed: Uint8Array, { aligned, marked, againstAbove }: CcittKind, width: number, rows: number): Uint8Array {
  tables ??= ccittTables();
  const rowBytes = Math.ceil(width / 8);
  const out = new Uint8Array(rowBytes * rows);
  const reader = new CodeReader(packed);
  let above: readonly number[] = [];
  for (let y = 0; y < rows; y++) {
    if (aligned) reader.align();
    if (marked) reader.skipEndOfLine();
    const alone = againstAbove === "never" || (againstAbove === "said" && reader.bit() === 1);
    const { at } = alone ? rowOfRuns(reader, tables, width) : rowAgainst(reader, tables, above, width);
    paint(out, y * rowBytes, at, width);
    above = at;
  }
  return out;
}

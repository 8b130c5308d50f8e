// The two things every Huffman-coded JPEG is read with: bits without stuffed zeros, and code tables. Reads past the end give zeros and are
// counted, so that a codestream that ends early is refused once, at the end of its scan.

import { corrupt } from "../../errors.js";

/** A code table: for each of the next 16 bits, length · 256 + symbol; 0 where no code begins so. */
export type HuffmanTable = Uint16Array;

/**
 * Builds a table.
 * @param counts codes of each length 1 to 16 @param symbols in the order of their codes
 * @throws ImagingError `corrupt_image` where the lengths make no code
 */
export function huffmanTable(counts: Uint8Array, symbols: Uint8Array): HuffmanTable {
  const table = new Uint16Array(65_536);
  let code = 0;
  let next = 0;
  counts.forEach((count, index) => {
    const length = index + 1;
    const span = 1 << (16 - length);
    for (let i = 0; i < count; i++) {
      const symbol = symbols[next++];
      if (symbol === undefined || (code + 1) * span > 65_536) throw corrupt("JPEG code table that contradicts itself");
      table.fill((length << 8) | symbol, code * span, (code + 1) * span);
      code++;
    }
    code *= 2;
  });
  return table;
}

/** Bits of entropy-coded data, from `at` up to the next marker. */
export class BitReader {
  readonly #data: Uint8Array;
  #at: number;
  #buffer = 0;
  #count = 0;
  /** zero bits that were made up behind the end */
  #madeUp = 0;

  constructor(data: Uint8Array, at: number) {
    this.#data = data;
    this.#at = at;
  }

  #fill(): void {
    while (this.#count <= 24) {
      const byte = this.#data[this.#at];
      const next = this.#data[this.#at + 1];
      let bits = 0;
      if (byte === undefined || (byte === 0xff && next !== 0)) this.#madeUp += 8;
      else {
        bits = byte;
        this.#at += byte === 0xff ? 2 : 1;
      }
      this.#buffer = (this.#buffer << 8) | bits;
      this.#count += 8;
    }
  }

  /** The next symbol. @throws ImagingError `corrupt_image` for bits that are no code */
  symbol(table: HuffmanTable): number {
    if (this.#count < 16) this.#fill();
    const entry = table[(this.#buffer >>> (this.#count - 16)) & 0xffff] ?? 0;
    if (entry === 0) throw corrupt("JPEG data that are no code of their table");
    this.#count -= entry >> 8;
    return entry & 0xff;
  }

  /** The next `length` bits, 0 to 16, as a number. */
  bits(length: number): number {
    if (length === 0) return 0;
    if (this.#count < length) this.#fill();
    this.#count -= length;
    return (this.#buffer >>> this.#count) & ((1 << length) - 1);
  }

  /** A signed number of `length` bits, as JPEG writes differences and coefficients. */
  signed(length: number): number {
    if (length === 0) return 0;
    const value = this.bits(length);
    return value < 1 << (length - 1) ? value - (1 << length) + 1 : value;
  }

  /** Ends the interval: drops what is left of the last byte, and steps over a restart marker. @returns whether there was one */
  restart(): boolean {
    this.requireWhole();
    this.#buffer = 0;
    this.#count = 0;
    this.#madeUp = 0;
    const at = nextMarker(this.#data, this.#at);
    const marker = this.#data[at + 1];
    if (marker === undefined || marker < 0xd0 || marker > 0xd7) return false;
    this.#at = at + 2;
    return true;
  }

  /** @throws ImagingError `corrupt_image` where bits were read that the data do not hold */
  requireWhole(): void {
    if (this.#madeUp > this.#count) throw corrupt("truncated JPEG — expected more data before the next marker");
  }

  /** Where the next marker stands. */
  get end(): number {
    return nextMarker(this.#data, this.#at);
  }
}

/** The next 0xFF that begins a marker, at or behind `from`; the data's length where there is none. */
function nextMarker(data: Uint8Array, from: number): number {
  for (let at = data.indexOf(0xff, from); at >= 0; at = data.indexOf(0xff, at + 1)) {
    const next = data[at + 1];
    if (next !== undefined && next !== 0 && next !== 0xff) return at;
  }
  return data.length;
}

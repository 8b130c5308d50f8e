// The part of the tar format that bundles use: plain files with plain names, POSIX ustar headers. What tar can do beyond that (links,
// devices, folders, long names, sparse files, extensions) is neither written nor accepted.

import { nth, quoted } from "@biovlm/files";
import { ModelError } from "../../contract/errors.js";

export const BLOCK = 512;
/** Largest size that eleven octal digits hold. */
const MAX_ENTRY_BYTES = 8 ** 11 - 1;

export interface UstarEntry {
  readonly name: string;
  readonly size: number;
}

/** The header block of a plain file; the same entry always gives the same bytes (no times, no owners). */
export function ustarHeader({ name, size }: UstarEntry): Uint8Array {
  if (!/^[\x21-\x7e]{1,99}$/.test(name) || !Number.isSafeInteger(size) || size < 0 || size > MAX_ENTRY_BYTES) {
    throw new ModelError(
      "bad_argument",
      `tar entry — expected a short plain name and at most 8 GiB, got ${quoted(name)} of ${size} bytes.`,
    );
  }
  const block = new Uint8Array(BLOCK);
  const put = (at: number, text: string) => block.set(new TextEncoder().encode(text), at);
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, "0");
  put(0, name);
  put(100, `${octal(0o644, 7)}\0`);
  put(108, `${octal(0, 7)}\0`);
  put(116, `${octal(0, 7)}\0`);
  put(124, `${octal(size, 11)}\0`);
  put(136, `${octal(0, 11)}\0`);
  put(156, "0");
  put(257, "ustar\u000000");
  put(148, `${octal(sumOf(block), 6)}\0 `);
  return block;
}

/** Zero bytes from the end of an entry's content to the next block. */
export function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

/** True for a block with ustar's magic: enough to tell a tar file from weights. */
export function isUstar(block: Uint8Array): boolean {
  return block.length >= BLOCK && latin1(block.subarray(257, 262)) === "ustar";
}

/** Reads a header block; undefined for a block of zeros. Throws `ModelError` (`malformed_bundle`) for all but a plain file. */
export function readUstarHeader(block: Uint8Array): UstarEntry | undefined {
  if (block.every((byte) => byte === 0)) return undefined;
  const wrong = (what: string): never => {
    throw new ModelError(
      "malformed_bundle",
      `tar header — expected ${what}, got something else. The file is damaged or no bundle; get it again.`,
    );
  };
  const text = (at: number, length: number): string => latin1(block.subarray(at, at + length)).replace(/\0.*$/s, "");
  const octal = (at: number, length: number): number => {
    const digits = text(at, length).trim();
    return /^[0-7]{1,11}$/.test(digits) ? Number.parseInt(digits, 8) : wrong("octal numbers");
  };
  if (!isUstar(block)) wrong("a ustar header");
  if (octal(148, 8) !== sumOf(block)) wrong("a header with a matching checksum");
  if (block[156] !== 0x30 && block[156] !== 0) wrong("a plain file (no link, folder or extension)");
  if (text(345, 155) !== "" || text(157, 100) !== "") wrong("a short name and no link target");
  return { name: text(0, 100), size: octal(124, 12) };
}

/** Sum of the block's bytes, the checksum field counted as spaces. */
function sumOf(block: Uint8Array): number {
  let sum = 8 * 0x20;
  for (let i = 0; i < BLOCK; i++) if (i < 148 || i >= 156) sum += nth(block, i);
  return sum;
}

function latin1(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

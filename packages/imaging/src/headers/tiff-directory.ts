// Directories of a TIFF (classic or BigTIFF, either byte order) that is in memory: fields of whole numbers, checked against the bytes there are.
// slides/tiff-directory.ts reads files of any size by ranges.

import { corrupt, ImagingError } from "../errors.js";
import type { ByteView } from "./byte-view.js";

/** Bytes per value of the integer field types: BYTE, SHORT, LONG, LONG8. */
const INTEGER_BYTES: Record<number, number> = { 1: 1, 3: 2, 4: 4, 16: 8 };

const MAX_ENTRIES = 4096;
const MAX_DIRECTORIES = 10_000;
/** Of all directories together: they may overlap, so that a small file could name many. */
const MAX_ALL_ENTRIES = 1_000_000;
const NEW_SUBFILE_TYPE = 254;

/** One directory. */
export interface Directory {
  /** First value of a tag, or undefined when absent or not an integer. */
  value(tag: number): number | undefined;
  /** Values of a tag, the first `most` (16). */
  values(tag: number, most?: number): number[];
  /** Where the tag's entry stands. */
  entry(tag: number): number | undefined;
  readonly tags: readonly number[];
  /** Entries that were read, also those of one tag. */
  readonly count: number;
  readonly next: number;
  /** Where `next` stands. */
  readonly nextAt: number;
}

/** A directory and where it begins. */
export interface DirectoryAt {
  readonly at: number;
  readonly directory: Directory;
}

/** Byte order and widths of a file. */
export interface Layout {
  readonly little: boolean;
  readonly big: boolean;
  readonly first: number;
}

/** @throws ImagingError `corrupt_image` */
export function layout(view: ByteView): Layout {
  const little = view.u16(0) === 0x4949;
  if (!little && view.u16(0) !== 0x4d4d) throw corrupt("TIFF without a byte-order mark");
  const magic = view.u16(2, little);
  if (magic === 42) return { little, big: false, first: view.u32(4, little) };
  if (magic !== 43 || view.u16(4, little) !== 8) throw corrupt(`TIFF version ${magic} — expected 42 or 43`);
  return { little, big: true, first: view.u64(8, little) };
}

/** @throws ImagingError `corrupt_image` */
export function readDirectory(view: ByteView, { little, big }: Layout, at: number): Directory {
  const count = big ? view.u64(at, little) : view.u16(at, little);
  if (count > MAX_ENTRIES) throw corrupt(`TIFF directory too long — expected at most ${MAX_ENTRIES} entries, got ${count}`);
  const [head, size] = big ? [8, 20] : [2, 12];
  view.need(at + head, count * size + (big ? 8 : 4));
  const entries = new Map<number, number>();
  for (let i = 0; i < count; i++) {
    const entry = at + head + i * size;
    const tag = view.u16(entry, little);
    if (!entries.has(tag)) entries.set(tag, entry);
  }
  const end = at + head + count * size;

  const values = (tag: number, most = 16): number[] => {
    const entry = entries.get(tag);
    if (entry === undefined) return [];
    const bytes = INTEGER_BYTES[view.u16(entry + 2, little)];
    if (bytes === undefined) return [];
    const n = big ? view.u64(entry + 4, little) : view.u32(entry + 4, little);
    const inline = entry + (big ? 12 : 8);
    const fits = n * bytes <= (big ? 8 : 4);
    const start = fits ? inline : big ? view.u64(inline, little) : view.u32(inline, little);
    const length = Math.min(n, most);
    view.need(start, length * bytes);
    return Array.from({ length }, (_, i) => {
      const where = start + i * bytes;
      return bytes === 1
        ? view.u8(where)
        : bytes === 2
          ? view.u16(where, little)
          : bytes === 4
            ? view.u32(where, little)
            : view.u64(where, little);
    });
  };
  return {
    values,
    value: (tag) => values(tag)[0],
    entry: (tag) => entries.get(tag),
    tags: [...entries.keys()],
    count,
    next: big ? view.u64(end, little) : view.u32(end, little),
    nextAt: end,
  };
}

/** All directories of a file's chain, in order. @throws ImagingError `corrupt_image`; `too_many_frames` past 10 000 */
export function* directoriesOf(view: ByteView, file: Layout): Generator<DirectoryAt, void, undefined> {
  const seen = new Set<number>();
  let entries = 0;
  for (let at = file.first; at !== 0; ) {
    if (seen.has(at)) throw corrupt("TIFF whose directories form a loop");
    if (seen.size >= MAX_DIRECTORIES)
      throw new ImagingError("too_many_frames", `TIFF with more than ${MAX_DIRECTORIES} pages — expected at most so many. Split it.`);
    seen.add(at);
    const directory = readDirectory(view, file, at);
    entries += directory.count;
    if (entries > MAX_ALL_ENTRIES) throw corrupt(`TIFF whose directories hold more than ${MAX_ALL_ENTRIES} entries`);
    yield { at, directory };
    at = directory.next;
  }
}

/** Whether a directory is an image of its own: previews and masks, which NewSubfileType marks, are not. */
export function isPage(directory: Directory): boolean {
  return ((directory.value(NEW_SUBFILE_TYPE) ?? 0) & 0b101) === 0;
}

// Reads what a TIFF (classic or BigTIFF, either byte order) says about itself: its directories, never its strips or tiles.
// The same directory reader finds the orientation in an EXIF block, which is a small TIFF.

import { corrupt, ImagingError, unsupported } from "../errors.js";
import type { HeaderStart, ImageInfo } from "../image-info.js";
import { ByteView } from "./byte-view.js";

const TAG = {
  newSubfileType: 254,
  width: 256,
  height: 257,
  bitsPerSample: 258,
  compression: 259,
  photometric: 262,
  orientation: 274,
  samplesPerPixel: 277,
  maxSampleValue: 281,
  tileWidth: 322,
  tileHeight: 323,
  extraSamples: 338,
  sampleFormat: 339,
} as const;

/** Bytes per value of the integer field types: BYTE, SHORT, LONG, LONG8. */
const INTEGER_BYTES: Record<number, number> = { 1: 1, 3: 2, 4: 4, 16: 8 };

const COMPRESSIONS: Record<number, string> = {
  1: "none",
  2: "CCITT",
  3: "CCITT G3",
  4: "CCITT G4",
  5: "LZW",
  7: "JPEG",
  8: "Deflate",
  32773: "PackBits",
  32946: "Deflate",
};
const MAX_ENTRIES = 4096;
const MAX_DIRECTORIES = 10_000;

interface Directory {
  /** First value of a tag, or undefined when absent or not an integer. */
  value(tag: number): number | undefined;
  /** All values of a tag (at most 16). */
  values(tag: number): number[];
  /** Where the tag's entry stands. */
  entry(tag: number): number | undefined;
  readonly next: number;
}

interface Layout {
  readonly little: boolean;
  readonly big: boolean;
  readonly first: number;
}

function layout(view: ByteView): Layout {
  const little = view.u16(0) === 0x4949;
  if (!little && view.u16(0) !== 0x4d4d) throw corrupt("TIFF without a byte-order mark");
  const magic = view.u16(2, little);
  if (magic === 42) return { little, big: false, first: view.u32(4, little) };
  if (magic !== 43 || view.u16(4, little) !== 8) throw corrupt(`TIFF version ${magic} — expected 42 or 43`);
  return { little, big: true, first: view.u64(8, little) };
}

function readDirectory(view: ByteView, { little, big }: Layout, at: number): Directory {
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

  const values = (tag: number): number[] => {
    const entry = entries.get(tag);
    if (entry === undefined) return [];
    const bytes = INTEGER_BYTES[view.u16(entry + 2, little)];
    if (bytes === undefined) return [];
    const n = big ? view.u64(entry + 4, little) : view.u32(entry + 4, little);
    const inline = entry + (big ? 12 : 8);
    const fits = n * bytes <= (big ? 8 : 4);
    const start = fits ? inline : big ? view.u64(inline, little) : view.u32(inline, little);
    return Array.from({ length: Math.min(n, 16) }, (_, i) => {
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
    next: big ? view.u64(end, little) : view.u32(end, little),
  };
}

/** The orientation 1..8 in an EXIF block (without its "Exif\0\0" prefix). Anything unreadable means 1, as in PIL and libvips: it is metadata. */
export function readExifOrientation(block: Uint8Array): number {
  try {
    const view = new ByteView(block, "EXIF");
    const file = layout(view);
    return orientationOf(readDirectory(view, file, file.first));
  } catch (error) {
    if (error instanceof ImagingError) return 1;
    throw error;
  }
}

function orientationOf(directory: Directory): number {
  const value = directory.value(TAG.orientation) ?? 1;
  return value >= 1 && value <= 8 ? value : 1;
}

export function readTiffHeader(bytes: Uint8Array): HeaderStart {
  const view = new ByteView(bytes, "TIFF");
  const file = layout(view);
  const directory = readDirectory(view, file, file.first);
  const required = (tag: number, name: string): number => {
    const value = directory.value(tag);
    if (value === undefined) throw corrupt(`TIFF without ${name}`);
    return value;
  };
  const width = required(TAG.width, "its width");
  const height = required(TAG.height, "its height");

  const depths = directory.values(TAG.bitsPerSample);
  const bitDepth = depths[0] ?? 1;
  const samples = directory.value(TAG.samplesPerPixel) ?? 1;
  const again = "Save it again as 8- or 16-bit PNG.";
  if (depths.some((depth) => depth !== bitDepth)) throw unsupported("TIFF whose channels differ in depth", again);
  const values = valuesOf(directory.value(TAG.sampleFormat) ?? 1, bitDepth);
  if (values === undefined && ![1, 2, 4, 8, 16].includes(bitDepth))
    throw unsupported(`TIFF with ${bitDepth}-bit samples`, "Rescale its grey values and save it as 8- or 16-bit PNG.");
  const compression = directory.value(TAG.compression) ?? 1;
  if (COMPRESSIONS[compression] === undefined) throw unsupported(`TIFF with compression ${compression}`, again);

  const photometric = required(TAG.photometric, "its photometric interpretation");
  const colour = ({ 0: "grey", 1: "grey", 2: "rgb", 3: "palette", 5: "cmyk", 6: "rgb" } as const)[photometric];
  const channels = { grey: 1, palette: 1, rgb: 3, cmyk: 4 };
  if (colour === undefined) throw unsupported(`TIFF with photometric interpretation ${photometric}`, again);
  const extra = samples - channels[colour];
  if (values !== undefined && (samples !== 1 || photometric !== 1))
    throw unsupported(
      `TIFF of ${values} samples that are not one grey whose lowest is black`,
      "Save its channels as separate grey images.",
    );
  if (extra < 0) throw corrupt(`TIFF with ${samples} samples a pixel — expected at least ${channels[colour]} for its colours`);
  if (extra > 1) throw unsupported(`TIFF with ${extra} extra channels`, "Save the channels as separate images.");
  if (extra > 0 && colour === "palette") throw unsupported("TIFF with a palette and an alpha channel", again);
  if (bitDepth < 8 && samples > 1) throw unsupported(`TIFF with ${samples} channels of ${bitDepth} bits`, again);
  if (bitDepth === 16 && colour === "cmyk") throw unsupported("16-bit CMYK TIFF", again);

  // A tile may be larger than the image, and the decoder allocates whole tiles.
  const wideGrey = bitDepth === 16 && colour === "grey";
  const most = wideGrey ? (directory.value(TAG.maxSampleValue) ?? 0) : 0;
  const tile = (directory.value(TAG.tileWidth) ?? 1) * (directory.value(TAG.tileHeight) ?? 1);
  return {
    format: "tiff",
    width,
    height,
    bitDepth,
    colour,
    blockPixels: tile,
    finish: () => ({
      frames: countPages(view, file, directory),
      orientation: orientationOf(directory),
      alpha: extra > 0,
      interlaced: false,
      // writers give the highest value of the one image, too: its bits are what images of a set share
      ...(most >= 1 && most < 32_768 ? { greyMax: 2 ** Math.ceil(Math.log2(most + 1)) - 1 } : {}),
      ...(wideGrey && values === undefined && photometric === 0 ? { whiteIsZero: true } : {}),
      ...(values === undefined ? {} : { values }),
    }),
  };
}

/** What samples are, where they are no shades: with a sign, of 32 bits, or with fractions. @throws ImagingError `unsupported_format` */
function valuesOf(format: number, bits: number): ImageInfo["values"] {
  if ((format === 1 || format === 4) && bits !== 32) return undefined;
  if (format === 3 && bits === 32) return "float";
  if (format === 2 && (bits === 8 || bits === 16 || bits === 32)) return "signed";
  if (format === 1 && bits === 32) return "unsigned";
  throw unsupported(
    `TIFF with samples of format ${format} and ${bits} bits`,
    "Save its grey values as floating point of 32 bits, or as whole numbers of 8, 16 or 32.",
  );
}

/**
 * The same TIFF whose whole numbers are said to have no sign: libvips cuts negative ones off where they are of 16 bits. Nothing moves.
 * @param bytes whose header was read and says that samples are signed
 */
export function saidUnsigned(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  const view = new ByteView(copy, "TIFF");
  const file = layout(view);
  const entry = readDirectory(view, file, file.first).entry(TAG.sampleFormat);
  if (entry === undefined || view.u16(entry + 2, file.little) !== 3) throw corrupt("TIFF without a format of its samples");
  new DataView(copy.buffer).setUint16(entry + (file.big ? 12 : 8), 1, file.little);
  return copy;
}

/** Pages of full resolution: previews and masks, which NewSubfileType marks, are not images of their own. */
function countPages(view: ByteView, file: Layout, first: Directory): number {
  const seen = new Set([file.first]);
  let pages = 1;
  for (let at = first.next; at !== 0; ) {
    if (seen.has(at)) throw corrupt("TIFF whose directories form a loop");
    if (seen.size >= MAX_DIRECTORIES) return pages;
    seen.add(at);
    const directory = readDirectory(view, file, at);
    if (((directory.value(TAG.newSubfileType) ?? 0) & 0b101) === 0) pages++;
    at = directory.next;
  }
  return pages;
}

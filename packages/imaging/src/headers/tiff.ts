// Reads what a TIFF (classic or BigTIFF, either byte order) says about itself: its directories, never its strips or tiles.
// The same directory reader finds the orientation in an EXIF block, which is a small TIFF.

import { corrupt, ImagingError, unsupported } from "../errors.js";
import type { HeaderStart, ImageInfo } from "../image-info.js";
import { ByteView } from "./byte-view.js";
import { type Directory, directoriesOf, isPage, type Layout, layout, readDirectory } from "./tiff-directory.js";

const TAG = {
  width: 256,
  height: 257,
  bitsPerSample: 258,
  compression: 259,
  photometric: 262,
  orientation: 274,
  samplesPerPixel: 277,
  maxSampleValue: 281,
  planar: 284,
  tileWidth: 322,
  tileHeight: 323,
  extraSamples: 338,
  sampleFormat: 339,
} as const;

/** Compressions that are read. */
export const COMPRESSIONS = {
  none: 1,
  ccitt: 2,
  ccittG3: 3,
  ccittG4: 4,
  lzw: 5,
  jpeg: 7,
  deflate: 8,
  packBits: 32_773,
  oldDeflate: 32_946,
  zstd: 50_000,
  oldZstd: 34_926,
} as const;
const { none, lzw, deflate, packBits, oldDeflate, zstd, oldZstd } = COMPRESSIONS;
/** ZSTD's numbers. */
export const ZSTD: readonly number[] = [zstd, oldZstd];
/** Those that know nothing of samples: what they hold are bytes. */
const OF_BYTES: readonly number[] = [none, lzw, deflate, packBits, oldDeflate, zstd, oldZstd];
/** Compressions that are not read, as people call them. */
const NAMES: Readonly<Record<number, string>> = {
  6: "old JPEG",
  9: "JBIG",
  10: "JBIG",
  32766: "NeXT",
  32771: "CCITT in words",
  32809: "ThunderScan",
  33003: "JPEG 2000",
  33004: "JPEG 2000",
  33005: "JPEG 2000",
  34661: "JBIG",
  34676: "SGI LogLuv",
  34677: "SGI LogLuv",
  34712: "JPEG 2000",
  34887: "LERC",
  34892: "lossy JPEG",
  34925: "LZMA",
  34927: "WebP",
  34933: "PNG",
  34934: "JPEG XR",
  50001: "WebP",
  50002: "JPEG XL",
  52546: "JPEG XL",
};

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
  const compressed = `TIFF compressed by ${NAMES[compression] ?? "a scheme unknown here"} (${compression})`;
  if (!Object.values<number>(COMPRESSIONS).includes(compression))
    throw unsupported(compressed, "Save it with ZSTD, deflate, LZW or without compression, or as PNG.");
  if (bitDepth === 64 && !OF_BYTES.includes(compression)) throw unsupported(`${compressed} with samples of 64 bits`, again);

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
  if (samples > 1 && directory.value(TAG.planar) === 2 && directory.value(TAG.tileWidth) !== undefined)
    throw unsupported("TIFF with tiles of one colour each", "Save it with its colours together, or in strips.");

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
      frames: countPages(view, file),
      orientation: orientationOf(directory),
      alpha: extra > 0,
      interlaced: false,
      // writers give the highest value of the one image, too: its bits are what images of a set share
      ...(most >= 1 && most < 32_768 ? { greyMax: 2 ** Math.ceil(Math.log2(most + 1)) - 1 } : {}),
      ...(wideGrey && values === undefined && photometric === 0 ? { whiteIsZero: true } : {}),
      ...(values === undefined ? {} : { values }),
      ...(ZSTD.includes(compression) ? { zstd: true as const } : {}),
    }),
  };
}

/** What samples are, where they are no shades: with a sign, of 32 or 64 bits, or with fractions. @throws ImagingError `unsupported_format` */
function valuesOf(format: number, bits: number): ImageInfo["values"] {
  const wide = bits === 32 || bits === 64;
  if ((format === 1 || format === 4) && !wide) return undefined;
  if (format === 3 && wide) return "float";
  if (format === 2 && (bits === 8 || bits === 16 || wide)) return "signed";
  if (format === 1 && wide) return "unsigned";
  throw unsupported(
    `TIFF with samples of format ${format} and ${bits} bits`,
    "Save its grey values as floating point of 32 or 64 bits, or as whole numbers of 8, 16, 32 or 64.",
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

/** Pages of full resolution, and the first directory whatever it is. */
function countPages(view: ByteView, file: Layout): number {
  let pages = 0;
  for (const { at, directory } of directoriesOf(view, file)) if (at === file.first || isPage(directory)) pages++;
  return pages;
}

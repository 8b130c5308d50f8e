// Which directories of a TIFF are levels of its slide, and how each stores its tiles. Thumbnails, labels, masks and further images are none.

import { corrupt, ImagingError } from "../errors.js";
import type { TileCoding } from "./one-tile-tiff.js";
import { isOme, micronsOf } from "./resolution.js";
import type { SlideLevel } from "./slide.js";
import type { TiffDirectory, TiffFile } from "./tiff-directory.js";

const TAG = {
  newSubfileType: 254,
  width: 256,
  height: 257,
  bits: 258,
  compression: 259,
  photometric: 262,
  description: 270,
  samples: 277,
  across: 282,
  planar: 284,
  unit: 296,
  predictor: 317,
  tileWidth: 322,
  tileHeight: 323,
  offsets: 324,
  byteCounts: 325,
  subDirectories: 330,
  sampleFormat: 339,
  jpegTables: 347,
} as const;

/** How tiles may be stored, as TIFF numbers it. */
export const COMPRESSION = {
  none: 1,
  lzw: 5,
  jpeg: 7,
  deflate: 8,
  packBits: 32_773,
  oldDeflate: 32_946,
  zstd: 50_000,
  oldZstd: 34_926,
  ycbcr2000: 33_003,
  rgb2000: 33_005,
} as const;
const READ: readonly number[] = Object.values(COMPRESSION);
const DESCRIPTION_BYTES = 256 * 1024;
const MAX_TABLES = 64 * 1024;
const MAX_SUB_DIRECTORIES = 64;
/** Pixels of one tile. */
const MAX_TILE_PIXELS = 4096 * 4096;
const MAX_TILES = 16_000_000;

/** A level and how it is stored. */
export interface TiffLevel extends SlideLevel, TileCoding {
  /** tiles in a row */
  readonly columns: number;
  /** Where a tile lies; a length of 0 is a tile that is not stored. */
  place(index: number): Promise<{ readonly at: number; readonly length: number }>;
}

export function refused(what: string, advice: string): ImagingError {
  return new ImagingError("unsupported_format", `slide ${what} — expected 8-bit grey or colour, in tiles. ${advice}`);
}
export const EXPORT = "Export it as a tiled pyramid of 8-bit colour, for instance with QuPath or vips tiffsave.";

async function requireSamples(directory: TiffDirectory): Promise<{ photometric: number; samples: number }> {
  const photometric = (await directory.value(TAG.photometric)) ?? 2;
  const samples = (await directory.value(TAG.samples)) ?? 1;
  const bits = await directory.values(TAG.bits, 8);
  const format = (await directory.value(TAG.sampleFormat)) ?? 1;
  if (format !== 1 || bits.some((value) => value !== 8) || bits.length === 0) throw refused(`with samples of ${bits[0] ?? 1} bits`, EXPORT);
  const colours = { 1: [1], 2: [3, 4], 6: [3] }[photometric];
  if (colours === undefined) throw refused(`with photometric interpretation ${photometric}`, EXPORT);
  if (!colours.includes(samples)) throw refused(`with ${samples} samples a pixel for photometric interpretation ${photometric}`, EXPORT);
  if (samples > 1 && ((await directory.value(TAG.planar)) ?? 1) !== 1) throw refused("with colours in planes of their own", EXPORT);
  return { photometric, samples };
}

/** @throws ImagingError of a level whose tiles cannot be what it says */
async function readLevel(directory: TiffDirectory, micronsPerPixel: number | undefined): Promise<TiffLevel> {
  const { width, height } = await sizeOf(directory);
  const [tileWidth, tileHeight] = [(await directory.value(TAG.tileWidth)) ?? 0, (await directory.value(TAG.tileHeight)) ?? 0];
  if (tileWidth === 0 || tileHeight === 0) throw corrupt("slide with tiles of no size");
  if (tileWidth * tileHeight > MAX_TILE_PIXELS)
    throw new ImagingError(
      "too_large",
      `slide with tiles of ${tileWidth}×${tileHeight} — expected at most ${MAX_TILE_PIXELS} pixels. ${EXPORT}`,
    );
  const columns = Math.ceil(width / tileWidth);
  const tiles = columns * Math.ceil(height / tileHeight);
  if (tiles > MAX_TILES)
    throw new ImagingError("too_large", `slide with ${tiles} tiles — expected at most ${MAX_TILES}. Export it with larger tiles.`);
  for (const tag of [TAG.offsets, TAG.byteCounts]) {
    if (directory.count(tag) < tiles) throw corrupt(`slide of ${tiles} tiles — expected a place for each, got ${directory.count(tag)}`);
  }
  const compression = (await directory.value(TAG.compression)) ?? 1;
  if (!READ.includes(compression)) throw refused(`with compression ${compression}`, EXPORT);
  const { photometric, samples } = await requireSamples(directory);
  const of2000 = compression === COMPRESSION.ycbcr2000 || compression === COMPRESSION.rgb2000;
  if (photometric === 6 && compression !== COMPRESSION.jpeg && !of2000) throw refused("with YCbCr outside JPEG", EXPORT);
  const predictor = (await directory.value(TAG.predictor)) ?? 1;
  if (predictor !== 1 && predictor !== 2) throw refused(`with predictor ${predictor}`, EXPORT);
  if (directory.count(TAG.jpegTables) > MAX_TABLES) throw corrupt(`slide with JPEG tables of ${directory.count(TAG.jpegTables)} bytes`);
  const jpegTables = compression === COMPRESSION.jpeg ? await directory.bytes(TAG.jpegTables, MAX_TABLES) : undefined;
  const coding: TileCoding = { compression, photometric, samples, predictor, tileWidth, tileHeight, jpegTables };
  return {
    ...{ width, height, micronsPerPixel, columns, ...coding },
    async place(index) {
      const length = (await directory.value(TAG.byteCounts, index)) ?? 0;
      const at = length === 0 ? 0 : ((await directory.value(TAG.offsets, index)) ?? 0);
      return { at, length: at === 0 ? 0 : length };
    },
  };
}

async function sizeOf(directory: TiffDirectory): Promise<{ width: number; height: number }> {
  const [width, height] = [(await directory.value(TAG.width)) ?? 0, (await directory.value(TAG.height)) ?? 0];
  if (width === 0 || height === 0) throw corrupt(`slide without pixels — expected a size of at least 1×1, got ${width}×${height}`);
  return { width, height };
}

const isTiled = (directory: TiffDirectory) => directory.count(TAG.tileWidth) > 0 && directory.count(TAG.offsets) > 0;

/** Whether a size is the finest one, made smaller: to the pixel that rounding may cost. */
function isReduced(finest: { width: number; height: number }, { width, height }: { width: number; height: number }): boolean {
  const scale = finest.width / width;
  return scale > 1.01 && Math.abs(finest.height / scale - height) <= 2 + height / 100;
}

/** Sub-directories of the first image, where it has some (OME); else the chain behind it. */
async function candidates(file: TiffFile, first: TiffDirectory, chain: readonly TiffDirectory[]): Promise<readonly TiffDirectory[]> {
  const count = first.count(TAG.subDirectories);
  if (count === 0) return chain.slice(chain.indexOf(first) + 1);
  if (count > MAX_SUB_DIRECTORIES) throw corrupt(`slide with ${count} sub-directories — expected at most ${MAX_SUB_DIRECTORIES}`);
  const out: TiffDirectory[] = [];
  for (const at of await first.values(TAG.subDirectories, count)) out.push(await file.directory(at));
  return out;
}

/**
 * Levels of a file, the finest first.
 * @throws ImagingError `unsupported_format`, `corrupt_image`, `too_large`
 */
export async function tiffLevels(file: TiffFile): Promise<{ levels: TiffLevel[]; notes: string[] }> {
  const chain = await file.chain();
  const first = chain.find(isTiled);
  if (first === undefined) throw refused("without tiles", "A TIFF in strips is an image: read it as one, or export it as a tiled pyramid.");
  const finest = await sizeOf(first);
  const text = await first.bytes(TAG.description, DESCRIPTION_BYTES);
  const description = text === undefined ? "" : new TextDecoder().decode(text);
  const resolution = { description, across: await first.value(TAG.across), unit: await first.value(TAG.unit) };
  const microns = micronsOf(resolution);
  const levels = [await readLevel(first, microns)];
  for (const directory of await candidates(file, first, chain)) {
    if (!isTiled(directory) || (((await directory.value(TAG.newSubfileType)) ?? 0) & 4) !== 0) continue;
    const size = await sizeOf(directory);
    const coarsest = levels.at(-1) ?? finest;
    if (!isReduced(finest, size) || size.width >= coarsest.width) continue;
    levels.push(await readLevel(directory, microns === undefined ? undefined : microns * (finest.width / size.width)));
  }
  const more = isOme(description) && chain.filter(isTiled).length > 1;
  return { levels, notes: more ? ["the file holds further images; the first is read"] : [] };
}

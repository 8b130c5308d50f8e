// Slides in TIFF and BigTIFF: generic pyramids, Aperio's SVS, OME's. Tiles are read by range and checked against what their level says before a
// decoder sees them: JPEG's own header, JPEG 2000's own size.

import type { wasmCodecs } from "../dicom/codecs/wasm-codecs.js";
import { colourPixels } from "../dicom/rendering.js";
import { corrupt, ImagingError } from "../errors.js";
import { readJpegHeader } from "../headers/jpeg.js";
import { undoPredictor } from "../tiff/predictor.js";
import { unpackZstd } from "../tiff/zstd.js";
import { oneTileTiff } from "./one-tile-tiff.js";
import type { RangeReader } from "./range-reader.js";
import type { TileStore } from "./slide.js";
import { TiffFile } from "./tiff-directory.js";
import { COMPRESSION, type TiffLevel, tiffLevels } from "./tiff-levels.js";

/** What decodes tiles. */
export interface TileDecoders {
  /** A TIFF of one tile → RGB8 of its size. @throws ImagingError `corrupt_image` */
  tiff(file: Uint8Array, width: number, height: number): Promise<Uint8Array>;
  readonly codecs: ReturnType<typeof wasmCodecs>;
}

/** More than this no coder makes of a tile that it could have stored as it is. */
const MAX_GROWTH = 4;
const OVERHEAD = 64 * 1024;

/** A tile of ZSTD as it was before: 8 bits a sample. */
async function unpackedTile(bytes: Uint8Array, { tileWidth, tileHeight, samples, predictor }: TiffLevel): Promise<Uint8Array> {
  const rowBytes = tileWidth * samples;
  const values = await unpackZstd(bytes, rowBytes * tileHeight);
  for (let at = 0; at < values.length; at += rowBytes)
    undoPredictor(values.subarray(at, at + rowBytes), { predictor, bytes: 1, step: samples, little: true });
  return values;
}

/** Grey → three times grey; RGBA → RGB. */
function asRgb(values: Uint8Array, samples: number): Uint8Array {
  if (samples === 3) return values;
  const pixels = values.length / samples;
  const rgb = new Uint8Array(pixels * 3);
  for (let i = 0; i < pixels; i++) for (let c = 0; c < 3; c++) rgb[i * 3 + c] = values[i * samples + (samples === 1 ? 0 : c)] ?? 0;
  return rgb;
}

async function decodeTile(bytes: Uint8Array, level: TiffLevel, { tiff, codecs }: TileDecoders): Promise<Uint8Array> {
  const { compression, tileWidth, tileHeight, samples, photometric } = level;
  if (compression === COMPRESSION.none) {
    const expected = tileWidth * tileHeight * samples;
    if (bytes.length < expected) throw corrupt(`slide tile — expected ${expected} bytes, got ${bytes.length}`);
    return asRgb(bytes.subarray(0, expected), samples);
  }
  if (compression === COMPRESSION.zstd || compression === COMPRESSION.oldZstd) return asRgb(await unpackedTile(bytes, level), samples);
  if (compression === COMPRESSION.ycbcr2000 || compression === COMPRESSION.rgb2000) {
    const values = await tileOf2000(bytes, level, codecs);
    const ycbcr = samples === 3 && (compression === COMPRESSION.ycbcr2000 || photometric === 6);
    return ycbcr ? colourPixels({ values, photometric: "YBR_FULL" }, 8) : asRgb(values, samples);
  }
  if (compression === COMPRESSION.jpeg) {
    const { width, height, finish } = readJpegHeader(bytes);
    if (width !== tileWidth || height !== tileHeight)
      throw corrupt(`slide tile — expected JPEG of ${tileWidth}×${tileHeight}, got ${width}×${height}`);
    finish();
  }
  return tiff(oneTileTiff(bytes, level), tileWidth, tileHeight);
}

async function tileOf2000(
  bytes: Uint8Array,
  { tileWidth, tileHeight, samples }: TiffLevel,
  codecs: TileDecoders["codecs"],
): Promise<Uint8Array> {
  try {
    const decoded = await codecs("jpeg-2000", bytes, { rows: tileHeight, columns: tileWidth, samples });
    if (decoded.bytesPerSample !== 1) throw corrupt("slide tile — expected JPEG 2000 of 8 bits a sample, got more");
    return decoded.bytes;
  } catch (error) {
    if (error instanceof ImagingError && error.code !== "corrupt_image") throw error;
    throw corrupt("slide tile of JPEG 2000 that does not decode to what its level says", error);
  }
}

/**
 * Opens a slide.
 * @throws ImagingError `unsupported_format`, `corrupt_image`, `too_large`
 */
export async function tiffSlide(reader: RangeReader, decoders: TileDecoders): Promise<TileStore> {
  const { levels, notes } = await tiffLevels(await TiffFile.open(reader));
  const placed = async (index: number, column: number, row: number) => {
    const level = levels[index];
    if (level === undefined) throw corrupt(`slide level ${index} — expected one of ${levels.length}`);
    return { level, ...(await level.place(row * level.columns + column)) };
  };
  return {
    format: "tiff",
    levels: levels.map(({ width, height, tileWidth, tileHeight, micronsPerPixel }) => ({
      ...{ width, height, tileWidth, tileHeight, micronsPerPixel },
    })),
    notes,
    has: async (index, column, row) => (await placed(index, column, row)).length > 0,
    async tile(index, column, row) {
      const { level, at, length } = await placed(index, column, row);
      const most = level.tileWidth * level.tileHeight * level.samples * MAX_GROWTH + OVERHEAD;
      if (length > most) throw corrupt(`slide tile of ${length} bytes — expected at most ${most}`);
      return decodeTile(await reader.range(at, length), level, decoders);
    },
  };
}

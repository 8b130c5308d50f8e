// Slides in TIFF and BigTIFF: generic pyramids, Aperio's SVS, OME's. Tiles are read by range and checked against what their level says before a
// decoder sees them: JPEG's own header, JPEG 2000's own size.

import type { wasmCodecs } from "../dicom/codecs/wasm-codecs.js";
import { colourPixels } from "../dicom/rendering.js";
import { sampleAt } from "../element-read.js";
import { corrupt, ImagingError } from "../errors.js";
import { ByteView } from "../headers/byte-view.js";
import { readJpegHeader } from "../headers/jpeg.js";
import { readJpeg2000Size } from "../headers/jpeg-2000.js";
import { undoPredictor } from "../tiff/predictor.js";
import { unpackZstd } from "../tiff/zstd.js";
import { oneTileTiff } from "./one-tile-tiff.js";
import type { RangeReader } from "./range-reader.js";
import type { TileStore } from "./slide.js";
import { TiffFile } from "./tiff-directory.js";
import { COMPRESSION, EXPORT, refused, type TiffLevel, tiffLevels } from "./tiff-levels.js";

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
    const ycbcr = samples === 3 && (compression === COMPRESSION.ycbcr2000 || photometric === 6);
    const values = await tileOf2000(bytes, level, codecs, ycbcr);
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
  ycbcr: boolean,
): Promise<Uint8Array> {
  const size = { rows: tileHeight, columns: tileWidth, samples };
  const given = async (components?: readonly number[]) => {
    const chosen = components === undefined ? undefined : { components, bits: 8, signed: false };
    const decoded = await codecs("jpeg-2000", bytes, { ...size, chosen });
    if (decoded.bytesPerSample !== 1) throw corrupt("slide tile — expected JPEG 2000 of 8 bits a sample, got more");
    return decoded.bytes;
  };
  try {
    const { components } = readJpeg2000Size(new ByteView(bytes, "JPEG 2000"));
    const [light, blue, red] = components;
    if (components.every(({ across, down }) => across === 1 && down === 1)) return await given();
    const [across, down] = [blue?.across ?? 0, blue?.down ?? 0];
    const fits = [1, 2, 4].includes(across) && [1, 2, 4].includes(down) && red?.across === across && red.down === down;
    if (!ycbcr || light?.across !== 1 || light.down !== 1 || !fits) throw refused("with JPEG 2000 whose colours differ in size", EXPORT);
    // two colours of one size: the third channel is there because the codec gives one or three
    return withRepeated(await given([0]), await given([1, 2, 2]), { width: tileWidth, height: tileHeight, across, down });
  } catch (error) {
    if (error instanceof ImagingError && error.code !== "corrupt_image") throw error;
    throw corrupt("slide tile of JPEG 2000 that does not decode to what its level says", error);
  }
}

/**
 * Brightness and colours of fewer pixels → three samples a pixel; a colour is repeated, as OpenSlide and OpenJPEG do.
 * @param colours by threes, of which the first two count; rows of the smaller size follow each other, and what comes behind them is nothing
 */
function withRepeated(
  light: Uint8Array,
  colours: Uint8Array,
  { width, height, across, down }: { width: number; height: number; across: number; down: number },
): Uint8Array {
  const out = new Uint8Array(width * height * 3);
  const row = Math.ceil(width / across);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      const from = (Math.floor(y / down) * row + Math.floor(x / across)) * 3;
      out[3 * at] = sampleAt(light, at);
      out[3 * at + 1] = sampleAt(colours, from);
      out[3 * at + 2] = sampleAt(colours, from + 1);
    }
  }
  return out;
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

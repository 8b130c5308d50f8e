// Decodes a TIFF where libtiff is not: strips and tiles, by pixel or by plane, without compression or by LZW, deflate, PackBits, ZSTD, CCITT and
// JPEG; grey, colour, palettes, CMYK and values in a range. Pixels are those that sharp gives in Node, which its tests compare. Block by block:
// what is held is the picture and one block.

import type { GreyRange } from "../decoder.js";
import type { wasmCodecs } from "../dicom/codecs/wasm-codecs.js";
import { sampleAt } from "../element-read.js";
import { corrupt, unsupported } from "../errors.js";
import { greyToEight, valuesToEight } from "../grey-range.js";
import { ByteView } from "../headers/byte-view.js";
import { COMPRESSIONS, ZSTD } from "../headers/tiff.js";
import type { ImageInfo } from "../image-info.js";
import { cmykToRgb, eightBits, repeatedGrey } from "../pixels.js";
import { tookTooLong } from "../time-limit.js";
import { type Blocks, blockPlaces, blocksOf, type OpenTiff, openTiff } from "./blocks.js";
import { ccittKind, unpackCcitt } from "./ccitt.js";
import { inflateBlock } from "./inflate.js";
import { decodeJpegBlock } from "./jpeg-block.js";
import { unpackLzw } from "./lzw.js";
import { unpackPackBits } from "./pack-bits.js";
import { undoPredictor } from "./predictor.js";
import { unpackZstd } from "./zstd.js";

const TAG = {
  bits: 258,
  compression: 259,
  photometric: 262,
  fillOrder: 266,
  samples: 277,
  t4Options: 292,
  planar: 284,
  colorMap: 320,
  extraSamples: 338,
  sampleFormat: 339,
  jpegTables: 347,
} as const;

const MAX_TABLES = 64 * 1024;
/** Bytes of a pixel that blocks may take: one value of 64 bits, or four of 16. */
const BLOCK_BYTES = 8;

/** What is asked of a decoding. */
export interface TiffAsked {
  readonly maxPixels: number;
  readonly range: GreyRange | undefined;
  readonly timeoutMs: number | undefined;
}

/** Takes the samples of a stretch of a row: `count` pixels from (x, y) on, of one plane where colours lie apart. */
type RowTaker = (row: Uint8Array, x: number, y: number, count: number, plane: number) => void;

interface Canvas {
  readonly take: RowTaker;
  /** what came of all rows */
  done(): { readonly data: Uint8Array; readonly note?: string };
}

/** Reads sample `i` of a row. */
type SampleOf = (row: Uint8Array, i: number) => number;

function sampleReader(bits: number, little: boolean): SampleOf {
  if (bits === 8) return (row, i) => sampleAt(row, i);
  if (bits === 16) {
    const [high, low] = little ? [1, 0] : [0, 1];
    return (row, i) => (sampleAt(row, 2 * i + high) << 8) | sampleAt(row, 2 * i + low);
  }
  const mask = 2 ** bits - 1;
  return (row, i) => (sampleAt(row, (i * bits) >> 3) >> (8 - bits - ((i * bits) & 7))) & mask;
}

/** Grey values that are no shades, shown in a range. */
function valueCanvas({ file, directory }: OpenTiff, { width, height, bitDepth }: ImageInfo, range: GreyRange): Canvas {
  const grey = new Uint8Array(width * height);
  const format = directory.value(TAG.sampleFormat) ?? 1;
  const { little } = file;
  const numberAt = (view: DataView, at: number): number => {
    if (format === 3) return bitDepth === 64 ? view.getFloat64(at, little) : view.getFloat32(at, little);
    if (bitDepth === 64) return Number(format === 2 ? view.getBigInt64(at, little) : view.getBigUint64(at, little));
    if (bitDepth === 32) return format === 2 ? view.getInt32(at, little) : view.getUint32(at, little);
    return bitDepth === 16 ? view.getInt16(at, little) : view.getInt8(at);
  };
  return {
    take(row, x, y, count) {
      const view = new DataView(row.buffer, row.byteOffset, row.byteLength);
      const values = Float64Array.from({ length: count }, (_, i) => numberAt(view, (i * bitDepth) / 8));
      grey.set(valuesToEight(values, range), y * width + x);
    },
    done: () => ({ data: repeatedGrey(grey) }),
  };
}

/** A colour that was multiplied by its alpha, divided by it again: in single precision and cut, as libvips does it; 0 where nothing is seen. */
function undivided(sample: SampleOf, most: number, alphaAt: number): SampleOf {
  return (row, i) => {
    const alpha = sample(row, i - (i % (alphaAt + 1)) + alphaAt);
    return alpha === 0 ? 0 : Math.min(most, Math.floor(Math.fround(Math.fround(most / alpha) * sample(row, i))));
  };
}

/** Grey of 16 bits: what it is shown in depends on all of it. */
function wideGreyCanvas(info: ImageInfo, { step, sample }: Layout, range: GreyRange | undefined): Canvas {
  const { width, height } = info;
  const grey = new Uint16Array(width * height);
  const flip = info.whiteIsZero === true ? 0xffff : 0;
  return {
    take(row, x, y, count, plane) {
      if (plane === 0) for (let i = 0, to = y * width + x; i < count; i++, to++) grey[to] = sample(row, i * step) ^ flip;
    },
    done() {
      const { data, note } = greyToEight(grey, 1, info, range);
      return { data: repeatedGrey(data), ...(note === undefined ? {} : { note }) };
    },
  };
}

/** How samples lie in a row. */
interface Layout {
  /** from one pixel to the next */
  readonly step: number;
  /** whether a row is of one colour */
  readonly apart: boolean;
  readonly sample: SampleOf;
}

function paletteCanvas({ directory }: OpenTiff, { width, height, bitDepth }: ImageInfo, { sample }: Layout): Canvas {
  const entries = 2 ** bitDepth;
  const map = directory.values(TAG.colorMap, 3 * entries);
  if (bitDepth > 8 || map.length < 3 * entries)
    throw corrupt(`TIFF with a palette of ${map.length} values — expected ${3 * entries} for ${bitDepth} bits`);
  // some writers give 8 bits where 16 are asked for
  const shift = map.some((value) => value > 255) ? 8 : 0;
  const rgb = new Uint8Array(width * height * 3);
  return {
    take(row, x, y, count) {
      for (let i = 0, to = (y * width + x) * 3; i < count; i++, to += 3) {
        const index = sample(row, i);
        for (let c = 0; c < 3; c++) rgb[to + c] = sampleAt(map, c * entries + index) >> shift;
      }
    },
    done: () => ({ data: rgb }),
  };
}

/** Shades and colours of 1 to 8 bits, colours of 16. */
function shadeCanvas({ directory }: OpenTiff, { width, height, bitDepth, colour }: ImageInfo, { step, apart, sample }: Layout): Canvas {
  const channels = { grey: 1, rgb: 3, cmyk: 4, palette: 1 }[colour];
  const out = new Uint8Array(width * height * channels);
  const most = 2 ** bitDepth - 1;
  const flip = colour === "grey" && directory.value(TAG.photometric) === 0 ? 255 : 0;
  const eight = bitDepth === 16 ? eightBits : (value: number) => ((value * 255) / most) ^ flip;
  return {
    take(row, x, y, count, plane) {
      if (plane >= channels) return;
      const [first, last] = apart ? [plane, plane + 1] : [0, channels];
      for (let i = 0, to = (y * width + x) * channels; i < count; i++, to += channels)
        for (let c = first; c < last; c++) out[to + c] = eight(sample(row, i * step + c - first));
    },
    done: () => ({ data: colour === "cmyk" ? cmykToRgb(out) : channels === 1 ? repeatedGrey(out) : out }),
  };
}

function canvasOf(tiff: OpenTiff, info: ImageInfo, { row }: Blocks, range: GreyRange | undefined): Canvas {
  if (info.values !== undefined) {
    if (range === undefined) throw unsupported("values without a range", "Name the values that become black and white.");
    return valueCanvas(tiff, info, range);
  }
  const { directory, file } = tiff;
  const apart = directory.value(TAG.planar) === 2 && (directory.value(TAG.samples) ?? 1) > 1;
  const multiplied = info.alpha && info.colour !== "cmyk" && directory.value(TAG.extraSamples) === 1;
  if (multiplied && apart)
    throw unsupported("TIFF with planes multiplied by their alpha", "Save it without alpha, or with its colours together.");
  const stored = sampleReader(info.bitDepth, file.little);
  const sample = multiplied ? undivided(stored, 2 ** info.bitDepth - 1, row.step - 1) : stored;
  const layout = { step: row.step, apart, sample };
  if (info.colour === "palette") return paletteCanvas(tiff, info, layout);
  if (info.colour === "grey" && info.bitDepth === 16) return wideGreyCanvas(info, layout, range);
  return shadeCanvas(tiff, info, layout);
}

const REVERSED = Uint8Array.from({ length: 256 }, (_, byte) => {
  let out = 0;
  for (let bit = 0; bit < 8; bit++) out |= ((byte >> bit) & 1) << (7 - bit);
  return out;
});

/** Turns the bytes of a block into rows of samples. */
type Unpack = (packed: Uint8Array, index: number, size: number) => Uint8Array | Promise<Uint8Array>;

function unpackerOf(tiff: OpenTiff, info: ImageInfo, blocks: Blocks, codecs: ReturnType<typeof wasmCodecs>): Unpack {
  const { directory } = tiff;
  const compression = directory.value(TAG.compression) ?? 1;
  const { none, lzw, deflate, oldDeflate, packBits, jpeg, ccitt, ccittG3, ccittG4 } = COMPRESSIONS;
  const ycbcr = directory.value(TAG.photometric) === 6;
  if (compression === jpeg) {
    if (info.bitDepth !== 8) throw corrupt(`TIFF with JPEG of ${info.bitDepth} bits — expected 8`);
    const tables = tablesOf(tiff);
    const [width, most] = [blocks.width, blocks.rows(0)];
    const samples = blocks.row.step;
    return (packed, index) => decodeJpegBlock(packed, tables, { width, rows: blocks.rows(index), mostRows: most, samples, ycbcr }, codecs);
  }
  if (ycbcr) throw unsupported("TIFF with YCbCr outside JPEG", "Save it as RGB.");
  const reversed = directory.value(TAG.fillOrder) === 2;
  const straight = (packed: Uint8Array) => (reversed ? packed.map((byte) => sampleAt(REVERSED, byte)) : packed);
  if ([ccitt, ccittG3, ccittG4].some((one) => one === compression)) {
    if (info.bitDepth !== 1 || blocks.row.step !== 1) throw corrupt("TIFF with CCITT — expected one sample of one bit a pixel, got others");
    const kind = ccittKind(compression, directory.value(TAG.t4Options) ?? 0);
    return (packed, index) => unpackCcitt(straight(packed), kind, blocks.width, blocks.rows(index));
  }
  const bytesOf: Unpack = (packed, _, size) => {
    if (compression === none) {
      if (packed.length < size) throw corrupt(`TIFF of a block of ${packed.length} bytes — expected ${size}`);
      return packed.slice(0, size);
    }
    if (compression === lzw) return unpackLzw(packed, size);
    if (compression === packBits) return unpackPackBits(packed, size);
    if (compression === deflate || compression === oldDeflate) return inflateBlock(packed, size);
    if (ZSTD.includes(compression)) return unpackZstd(packed, size);
    throw unsupported(`TIFF with compression ${compression}`, "Save it with deflate, LZW or without compression.");
  };
  return async (packed, index, size) => {
    const block = await bytesOf(straight(packed), index, size);
    for (let at = 0; at < size; at += blocks.rowBytes) undoPredictor(block.subarray(at, at + blocks.rowBytes), blocks.row);
    return block;
  };
}

/** What the JPEG streams of all blocks share. */
function tablesOf({ bytes, file, directory }: OpenTiff): Uint8Array | undefined {
  const entry = directory.entry(TAG.jpegTables);
  if (entry === undefined) return undefined;
  const view = new ByteView(bytes, "TIFF");
  const number = (at: number) => (file.big ? view.u64(at, file.little) : view.u32(at, file.little));
  const count = number(entry + 4);
  if (count > MAX_TABLES || count <= 8) throw corrupt(`TIFF with JPEG tables of ${count} bytes`);
  const at = number(entry + (file.big ? 12 : 8));
  view.need(at, count);
  return bytes.subarray(at, at + count);
}

/**
 * Decodes the first image of a TIFF whose header was read and found within limits.
 * @returns RGB8 [height,width,3] in stored rows, and what is to be said of them
 * @throws ImagingError (rejects) `corrupt_image`, `unsupported_format`, `too_large`, `timeout`, `decoder_unavailable`
 */
export async function decodeTiff(
  bytes: Uint8Array,
  info: ImageInfo,
  { maxPixels, range, timeoutMs }: TiffAsked,
  codecs: ReturnType<typeof wasmCodecs>,
): Promise<{ readonly data: Uint8Array; readonly note?: string }> {
  const tiff = openTiff(bytes);
  const blocks = blocksOf(tiff, maxPixels * BLOCK_BYTES);
  const { from, lengths } = blockPlaces(tiff, blocks);
  const unpack = unpackerOf(tiff, info, blocks, codecs);
  const canvas = canvasOf(tiff, info, blocks, range);
  const view = new ByteView(bytes, "TIFF");
  const { columns, down, width: blockWidth, rowBytes } = blocks;
  const mostRows = blocks.rows(0);
  const end = timeoutMs === undefined ? Number.POSITIVE_INFINITY : Date.now() + timeoutMs;
  for (let index = 0; index < blocks.count; index++) {
    if (Date.now() > end) throw tookTooLong(timeoutMs);
    const [at, length] = [from[index] ?? 0, lengths[index] ?? 0];
    view.need(at, length);
    const block = await unpack(bytes.subarray(at, at + length), index, blocks.rows(index) * rowBytes);
    const plane = Math.floor(index / (columns * down));
    const [x, y] = [(index % columns) * blockWidth, Math.floor((index % (columns * down)) / columns) * mostRows];
    const count = Math.min(blockWidth, info.width - x);
    const rows = Math.min(blocks.rows(index), info.height - y);
    for (let row = 0; row < rows; row++) canvas.take(block.subarray(row * rowBytes, (row + 1) * rowBytes), x, y + row, count, plane);
  }
  return canvas.done();
}

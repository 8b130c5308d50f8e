// The strips or tiles of a TIFF's first image, and files made of it that say the same in another way, for a decoder (libtiff, in sharp) that does
// not know ZSTD or samples of 64 bits: what they say stands in a new directory behind the bytes that were there.

import { corrupt, ImagingError, unsupported } from "../errors.js";
import { ByteView } from "../headers/byte-view.js";
import { type Directory, type Layout, layout, readDirectory } from "../headers/tiff-directory.js";
import { type RowLayout, undoPredictor } from "./predictor.js";
import { requireFrame, unpackZstd } from "./zstd.js";

const TAG = {
  width: 256,
  height: 257,
  bits: 258,
  compression: 259,
  photometric: 262,
  fillOrder: 266,
  stripOffsets: 273,
  samples: 277,
  rowsPerStrip: 278,
  stripBytes: 279,
  planar: 284,
  predictor: 317,
  tileWidth: 322,
  tileHeight: 323,
  tileOffsets: 324,
  tileBytes: 325,
  sampleFormat: 339,
} as const;

/** Compressions that know a predictor, as in libtiff: LZW, deflate, ZSTD. */
const PREDICTED: readonly number[] = [5, 8, 32_946, 50_000, 34_926];

/** Tiles of 16 × 16 pixels of an image of 64 megapixels. */
const MAX_BLOCKS = 250_000;

/** How blocks lie in the image, and what they hold. */
export interface Blocks {
  readonly tiled: boolean;
  /** pixels of a row of a block */
  readonly width: number;
  /** pixels of the rows of all blocks side by side: more than the image where tiles reach past it */
  readonly across: number;
  /** blocks in a row, and rows of blocks: of one plane, where colours lie apart */
  readonly columns: number;
  readonly down: number;
  readonly count: number;
  readonly rowBytes: number;
  rows(index: number): number;
  readonly row: RowLayout;
}

/** A TIFF that is in memory: its bytes and its first directory. */
export interface OpenTiff {
  readonly bytes: Uint8Array;
  readonly file: Layout;
  readonly directory: Directory;
}

/** The first image of a TIFF whose header was read. @throws ImagingError `corrupt_image` */
export function openTiff(bytes: Uint8Array): OpenTiff {
  const view = new ByteView(bytes, "TIFF");
  const file = layout(view);
  return { bytes, file, directory: readDirectory(view, file, file.first) };
}

/** @throws ImagingError `corrupt_image`; `too_large` where all blocks take more than `most` bytes */
export function blocksOf({ directory, file }: OpenTiff, most: number): Blocks {
  const [width, height] = [directory.value(TAG.width) ?? 0, directory.value(TAG.height) ?? 0];
  const samples = directory.value(TAG.samples) ?? 1;
  const bits = directory.value(TAG.bits) ?? 1;
  const apart = directory.value(TAG.planar) === 2;
  const [tileWidth, tileHeight] = [directory.value(TAG.tileWidth), directory.value(TAG.tileHeight)];
  const tiled = tileWidth !== undefined && tileHeight !== undefined;
  const strip = Math.min(directory.value(TAG.rowsPerStrip) ?? height, height);
  const block = tiled ? { width: tileWidth, height: tileHeight } : { width, height: strip };
  if (width === 0 || height === 0 || block.width === 0 || block.height === 0 || samples === 0) throw corrupt("TIFF with blocks of no size");
  const [columns, down] = [Math.ceil(width / block.width), Math.ceil(height / block.height)];
  const planes = apart ? samples : 1;
  const step = apart ? 1 : samples;
  const rowBytes = Math.ceil((block.width * step * bits) / 8);
  const allRows = tiled ? down * block.height : height;
  const total = rowBytes * columns * allRows * planes;
  if (total > most)
    throw new ImagingError(
      "too_large",
      `TIFF whose blocks take ${total} bytes — expected at most ${most}. Save it with blocks that fit the image, or raise maxPixels.`,
    );
  const count = columns * down * planes;
  if (count > MAX_BLOCKS)
    throw new ImagingError("too_large", `TIFF of ${count} strips or tiles — expected at most ${MAX_BLOCKS}. Save it with larger ones.`);
  const predicted = PREDICTED.includes(directory.value(TAG.compression) ?? 1);
  const predictor = (predicted ? directory.value(TAG.predictor) : undefined) ?? 1;
  const fits = { 1: true, 2: [8, 16, 32, 64].includes(bits), 3: bits >= 32 && directory.value(TAG.sampleFormat) === 3 }[predictor];
  if (fits !== true) throw corrupt(`TIFF with predictor ${predictor} for samples of ${bits} bits`);
  return {
    ...{ tiled, width: block.width, across: columns * block.width, columns, down, count, rowBytes },
    rows: (index) => (tiled || index % down < down - 1 ? block.height : height - (down - 1) * block.height),
    row: { predictor, bytes: bits / 8, step, little: file.little },
  };
}

/** @throws ImagingError `unsupported_format` of bits that are filled from the lowest, which a rewritten file does not say */
function requireFillOrder({ directory }: OpenTiff): void {
  if ((directory.value(TAG.fillOrder) ?? 1) !== 1)
    throw unsupported("TIFF whose bits are filled from the lowest", "Save it again as 8- or 16-bit PNG.");
}

/** SHORT, LONG or, in BigTIFF, LONG8 */
type Field = readonly [tag: number, values: readonly number[]];

/**
 * A file with another first directory: the fields given, and of the old one those that are kept as they are.
 * @param room bytes left free between the old ones and the new directory
 */
function redirected(
  { bytes, file, directory }: OpenTiff,
  kept: (tag: number) => boolean,
  fields: readonly Field[],
  room: number,
): { readonly bytes: Uint8Array<ArrayBuffer>; readonly roomAt: number } {
  const { little, big } = file;
  const [head, size, width] = big ? [8, 20, 8] : [2, 12, 4];
  const given = new Map(fields);
  const tags = [...new Set([...directory.tags.filter(kept), ...given.keys()])].sort((a, b) => a - b);
  const roomAt = Math.ceil(bytes.length / 8) * 8;
  const at = roomAt + Math.ceil(room / 8) * 8;
  let behind = at + Math.ceil((head + tags.length * size + width) / 8) * 8;
  const end = fields.reduce((sum, [, values]) => sum + (values.length > 1 ? values.length * width : 0), behind);
  if (!big && end > 0xffff_ffff)
    throw new ImagingError("too_large", `TIFF of ${end} bytes when unpacked — expected less than 4 GiB. Make it smaller.`);
  const out = new Uint8Array(end);
  out.set(bytes);
  const view = new DataView(out.buffer);
  const write = (where: number, value: number) =>
    big ? view.setBigUint64(where, BigInt(value), little) : view.setUint32(where, value, little);
  write(big ? 8 : 4, at);
  if (big) write(at, tags.length);
  else view.setUint16(at, tags.length, little);
  for (const [i, tag] of tags.entries()) {
    const entry = at + head + i * size;
    const values = given.get(tag);
    if (values === undefined) {
      const old = directory.entry(tag) ?? 0;
      out.copyWithin(entry, old, old + size);
      continue;
    }
    const short = values.length === 1 && (values[0] ?? 0) < 65_536;
    view.setUint16(entry, tag, little);
    view.setUint16(entry + 2, short ? 3 : big ? 16 : 4, little);
    write(entry + 4, values.length);
    const where = entry + 4 + width;
    if (short) view.setUint16(where, values[0] ?? 0, little);
    else if (values.length === 1) write(where, values[0] ?? 0);
    else {
      write(where, behind);
      for (const [n, value] of values.entries()) write(behind + n * width, value);
      behind += values.length * width;
    }
  }
  return { bytes: out, roomAt };
}

/** Where blocks stand: their tags, offsets and lengths, one for each. @throws ImagingError `corrupt_image` */
export function blockPlaces({ directory }: OpenTiff, { tiled, count }: Blocks) {
  const [offsetTag, bytesTag] = tiled ? [TAG.tileOffsets, TAG.tileBytes] : [TAG.stripOffsets, TAG.stripBytes];
  const [from, lengths] = [directory.values(offsetTag, count), directory.values(bytesTag, count)];
  if (from.length < count || lengths.length < count)
    throw corrupt(`TIFF of ${count} blocks — expected a place for each, got ${Math.min(from.length, lengths.length)}`);
  return { offsetTag, bytesTag, from, lengths };
}

/**
 * The same TIFF with its ZSTD blocks unpacked, and their predictor undone.
 * @param most bytes that all blocks may take
 * @throws ImagingError `corrupt_image`, `unsupported_format`, `too_large`, `decoder_unavailable`
 */
export async function unpackedTiff(bytes: Uint8Array, most: number): Promise<Uint8Array> {
  const tiff = openTiff(bytes);
  const { directory } = tiff;
  const blocks = blocksOf(tiff, most);
  requireFillOrder(tiff);
  if (directory.value(TAG.photometric) === 6) throw unsupported("TIFF with YCbCr in ZSTD", "Save it as RGB.");
  const { offsetTag, bytesTag, from, lengths } = blockPlaces(tiff, blocks);
  const sizes = from.map((_, index) => blocks.rows(index) * blocks.rowBytes);
  for (const size of sizes) requireFrame(size);
  const roomAt = Math.ceil(bytes.length / 8) * 8;
  const starts: number[] = [];
  let room = 0;
  for (const size of sizes) {
    starts.push(roomAt + room);
    room += size;
  }
  const fields: Field[] = [
    [TAG.compression, [1]],
    [TAG.predictor, [1]],
    [offsetTag, starts],
    [bytesTag, sizes],
  ];
  const out = redirected(tiff, () => true, fields, room).bytes;
  const view = new ByteView(bytes, "TIFF");
  for (const [index, size] of sizes.entries()) {
    const [at, length] = [from[index] ?? 0, lengths[index] ?? 0];
    view.need(at, length);
    const block = await unpackZstd(bytes.subarray(at, at + length), size);
    for (let row = 0; row < size; row += blocks.rowBytes) undoPredictor(block.subarray(row, row + blocks.rowBytes), blocks.row);
    out.set(block, starts[index]);
  }
  return out;
}

/** Grey of 64 bits, said to be eight times as many samples of 8: what a decoder makes of it are the bytes as they are stored. */
export interface StoredBytes {
  readonly bytes: Uint8Array;
  /** bytes of a row: of whole tiles, where it is in tiles */
  readonly rowBytes: number;
  /** The numbers of what was decoded, [height,width] of the image. */
  values(decoded: Uint8Array): Float64Array;
}

/**
 * A TIFF of grey samples of 64 bits, for a decoder that does not know them.
 * @param most bytes that all blocks may take
 * @throws ImagingError `corrupt_image`, `unsupported_format`, `too_large`
 */
export function storedBytes(bytes: Uint8Array, most: number): StoredBytes {
  const tiff = openTiff(bytes);
  const { directory, file } = tiff;
  const { across, row, width: blockWidth, tiled } = blocksOf(tiff, most);
  requireFillOrder(tiff);
  const kept: number[] = [TAG.height, TAG.compression, TAG.photometric, TAG.samples, TAG.rowsPerStrip, TAG.tileHeight];
  kept.push(TAG.stripOffsets, TAG.stripBytes, TAG.tileOffsets, TAG.tileBytes);
  const fields: Field[] = [[TAG.width, [across * 8]], [TAG.bits, [8]], ...(tiled ? ([[TAG.tileWidth, [blockWidth * 8]]] as const) : [])];
  const format = directory.value(TAG.sampleFormat) ?? 1;
  const [width, height] = [directory.value(TAG.width) ?? 0, directory.value(TAG.height) ?? 0];
  return {
    bytes: redirected(tiff, (tag) => kept.includes(tag), fields, 0).bytes,
    rowBytes: across * 8,
    values(decoded) {
      const out = new Float64Array(width * height);
      const view = new DataView(decoded.buffer, decoded.byteOffset, decoded.byteLength);
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < across; x += blockWidth) {
          const at = (y * across + x) * 8;
          undoPredictor(decoded.subarray(at, at + blockWidth * 8), row);
        }
        for (let x = 0; x < width; x++) {
          const at = (y * across + x) * 8;
          out[y * width + x] =
            format === 3
              ? view.getFloat64(at, file.little)
              : Number(format === 2 ? view.getBigInt64(at, file.little) : view.getBigUint64(at, file.little));
        }
      }
      return out;
    },
  };
}

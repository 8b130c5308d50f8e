// A PNG decoder in plain TypeScript: every colour type and depth, interlaced or not, CRCs and the zlib checksum verified.
// Browsers use it, because their canvas premultiplies alpha (colours under it are lost), cuts 16 bits to 8 in its own way and may add noise.
// It allocates by the header, which must have passed the limits; inflation is streamed and stops at the size the header promised.

import { crc32 } from "./crc32.js";
import type { GreyRange } from "./decoder.js";
import { sampleAt } from "./element-read.js";
import { corrupt } from "./errors.js";
import { greyToEight } from "./grey-range.js";
import { ByteView } from "./headers/byte-view.js";
import { pngChunks } from "./headers/png.js";
import type { ImageInfo } from "./image-info.js";
import { eightBits, repeatedGrey } from "./pixels.js";

/** Adam7: first column and row, column and row step of each pass. A plain image is one pass over all pixels. */
const ADAM7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;
const WHOLE = [[0, 0, 1, 1]] as const;

interface Pass {
  readonly left: number;
  readonly top: number;
  readonly stepX: number;
  readonly stepY: number;
  readonly columns: number;
  readonly rows: number;
  readonly rowBytes: number;
}

/**
 * Decodes a PNG whose header was read and found within limits.
 * @param range of 16-bit grey, where one was asked for
 * @returns RGB8 [height,width,3] in stored rows, and what is to be said of them
 * @throws ImagingError `corrupt_image` (rejects)
 */
export async function decodePng(bytes: Uint8Array, info: ImageInfo, range?: GreyRange): Promise<{ data: Uint8Array; note?: string }> {
  const view = new ByteView(bytes, "PNG");
  const data: Uint8Array[] = [];
  let palette: Uint8Array | undefined;
  for (const { type, start, length } of pngChunks(view)) {
    const critical = (type.charCodeAt(0) & 0x20) === 0;
    if (critical && crc32(bytes.subarray(start - 4, start + length)) !== view.u32(start + length))
      throw corrupt(`PNG chunk ${printable(type)} fails its checksum`);
    const payload = bytes.subarray(start, start + length);
    if (type === "IDAT") data.push(payload);
    else if (type === "PLTE") palette = payload;
    else if (critical && type !== "IHDR" && type !== "IEND") throw corrupt(`PNG with an unknown critical chunk ${printable(type)}`);
  }
  if (info.colour === "palette" && (palette === undefined || palette.length === 0 || palette.length % 3 !== 0))
    throw corrupt("PNG without the palette it needs");

  const channels = (info.colour === "rgb" ? 3 : 1) + (info.colour !== "palette" && (view.u8(25) & 4) !== 0 ? 1 : 0);
  const bitsPerPixel = channels * info.bitDepth;
  const passes = passesOf(info, bitsPerPixel);
  const total = passes.reduce((sum, { rows, rowBytes }) => sum + rows * (rowBytes + 1), 0);
  const filtered = await inflate(data, total);

  const wideGrey = info.bitDepth === 16 && info.colour === "grey" ? new Uint16Array(info.width * info.height) : undefined;
  const rgb = new Uint8Array(wideGrey === undefined ? info.width * info.height * 3 : 0);
  const distance = Math.max(1, bitsPerPixel >> 3);
  let at = 0;
  for (const pass of passes) {
    let above: Uint8Array = new Uint8Array(pass.rowBytes);
    for (let row = 0; row < pass.rows; row++) {
      const line = filtered.subarray(at + 1, at + 1 + pass.rowBytes);
      unfilter(sampleAt(filtered, at), line, above, distance);
      if (wideGrey !== undefined) spreadGrey(line, pass, pass.top + row * pass.stepY, wideGrey, info.width, channels);
      else spread(line, pass, pass.top + row * pass.stepY, rgb, info, channels, info.colour === "palette" ? palette : undefined);
      above = line;
      at += pass.rowBytes + 1;
    }
  }
  if (wideGrey === undefined) return { data: rgb };
  const { data: grey, note } = greyToEight(wideGrey, 1, info, range);
  return { data: repeatedGrey(grey), ...(note === undefined ? {} : { note }) };
}

/** Writes one row's 16-bit grey where its pass puts it. */
function spreadGrey(line: Uint8Array, { left, stepX, columns }: Pass, y: number, grey: Uint16Array, width: number, channels: number): void {
  for (let column = 0, from = 0, to = y * width + left; column < columns; column++, from += 2 * channels, to += stepX)
    grey[to] = (sampleAt(line, from) << 8) | sampleAt(line, from + 1);
}

function passesOf({ width, height, interlaced }: ImageInfo, bitsPerPixel: number): Pass[] {
  return (interlaced ? ADAM7 : WHOLE)
    .map(([left, top, stepX, stepY]) => {
      const columns = Math.max(0, Math.ceil((width - left) / stepX));
      const rows = columns === 0 ? 0 : Math.max(0, Math.ceil((height - top) / stepY));
      return { left, top, stepX, stepY, columns, rows, rowBytes: Math.ceil((columns * bitsPerPixel) / 8) };
    })
    .filter(({ rows }) => rows > 0);
}

/** Inflates to exactly `size` bytes; more or fewer is an error, and no more than one chunk beyond it is ever held. */
async function inflate(parts: readonly Uint8Array[], size: number): Promise<Uint8Array> {
  const out = new Uint8Array(size);
  let filled = 0;
  const source = new Blob([...parts] as BlobPart[]).stream().pipeThrough(new DecompressionStream("deflate"));
  const reader = source.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (filled + value.length > size) throw corrupt(`PNG with more data than its size needs — expected ${size} bytes`);
      out.set(value, filled);
      filled += value.length;
    }
  } catch (cause) {
    await reader.cancel().catch(() => undefined);
    throw cause instanceof Error && cause.name === "ImagingError" ? cause : corrupt("PNG whose data does not inflate", cause);
  }
  if (filled < size) throw corrupt(`truncated PNG data — expected ${size} bytes, got ${filled}`);
  return out;
}

/** Undoes one row's filter in place. `above` is the row before it in the same pass, already undone; zeros for the first. */
function unfilter(filter: number, line: Uint8Array, above: Uint8Array, distance: number): void {
  const n = line.length;
  if (filter === 0) return;
  if (filter > 4) throw corrupt(`PNG row filter ${filter} — expected 0 to 4`);
  if (filter === 2) {
    for (let i = 0; i < n; i++) line[i] = sampleAt(line, i) + sampleAt(above, i);
    return;
  }
  // The first pixel has nothing to its left: Paeth then predicts the byte above, the average half of it.
  if (filter > 2) for (let i = 0; i < distance; i++) line[i] = sampleAt(line, i) + (sampleAt(above, i) >> (filter === 3 ? 1 : 0));
  if (filter === 1) for (let i = distance; i < n; i++) line[i] = sampleAt(line, i) + sampleAt(line, i - distance);
  if (filter === 3)
    for (let i = distance; i < n; i++) line[i] = sampleAt(line, i) + ((sampleAt(line, i - distance) + sampleAt(above, i)) >> 1);
  if (filter !== 4) return;
  for (let i = distance; i < n; i++) {
    const left = sampleAt(line, i - distance);
    const up = sampleAt(above, i);
    const corner = sampleAt(above, i - distance);
    const pa = Math.abs(up - corner);
    const pb = Math.abs(left - corner);
    const pc = Math.abs(left + up - 2 * corner);
    line[i] = sampleAt(line, i) + (pa <= pb && pa <= pc ? left : pb <= pc ? up : corner);
  }
}

/** Writes one row's pixels where its pass puts them, as RGB8. */
function spread(
  line: Uint8Array,
  { left, stepX, columns }: Pass,
  y: number,
  rgb: Uint8Array,
  { width, bitDepth, colour }: ImageInfo,
  channels: number,
  palette: Uint8Array | undefined,
): void {
  let to = (y * width + left) * 3;
  if (colour === "rgb") {
    for (let column = 0, from = 0; column < columns; column++, from += channels, to += stepX * 3) {
      rgb[to] = wholeSample(line, from, bitDepth);
      rgb[to + 1] = wholeSample(line, from + 1, bitDepth);
      rgb[to + 2] = wholeSample(line, from + 2, bitDepth);
    }
    return;
  }
  const mask = 2 ** bitDepth - 1;
  for (let column = 0, bit = 0; column < columns; column++, bit += bitDepth, to += stepX * 3) {
    const value =
      bitDepth >= 8 ? wholeSample(line, column * channels, bitDepth) : (sampleAt(line, bit >> 3) >> (8 - bitDepth - (bit & 7))) & mask;
    // An index past the palette is black, as in libpng.
    for (let c = 0; c < 3; c++)
      rgb[to + c] = palette !== undefined ? (palette[value * 3 + c] ?? 0) : bitDepth < 8 ? (value * 255) / mask : value;
  }
}

function wholeSample(line: Uint8Array, index: number, bitDepth: number): number {
  return bitDepth === 16 ? eightBits((sampleAt(line, 2 * index) << 8) | sampleAt(line, 2 * index + 1)) : sampleAt(line, index);
}

function printable(type: string): string {
  return type.replace(/[^A-Za-z]/g, "?");
}

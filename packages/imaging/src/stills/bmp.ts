// BMP: 1 to 32 bits a pixel, palettes, bit fields, run lengths of 4 and 8 bits, rows from below or from above. Own code: what npm has
// allocates by the header before it looks at the bytes. Pixels are Pillow's; the alpha of 32 bits is dropped.

import { sampleAt } from "../element-read.js";
import { unsupported } from "../errors.js";
import { ByteView } from "../headers/byte-view.js";
import type { HeaderStart } from "../image-info.js";

const FILE_HEADER = 14;
const OS2_HEADER = 12;
const [RAW, RLE8, RLE4, BIT_FIELDS, ALPHA_BIT_FIELDS] = [0, 1, 2, 3, 6];
const AGAIN = "Save it again as PNG.";

interface BmpPlan {
  readonly width: number;
  readonly height: number;
  readonly topDown: boolean;
  readonly bits: number;
  readonly compression: number;
  /** where the pixels begin */
  readonly start: number;
  readonly palette: { readonly at: number; readonly entries: number; readonly bytes: 3 | 4 } | undefined;
  /** of red, green and blue, where a pixel is a word of them */
  readonly masks: readonly [number, number, number] | undefined;
}

function planOf(view: ByteView): BmpPlan {
  const size = view.u32(FILE_HEADER, true);
  const old = size === OS2_HEADER;
  view.need(FILE_HEADER, size);
  const width = old ? view.u16(18, true) : view.u32(18, true);
  const rows = old ? view.u16(20, true) : view.u32(22, true) | 0;
  const bits = view.u16(old ? 24 : 28, true);
  const compression = old ? RAW : view.u32(30, true);
  if (![1, 2, 4, 8, 16, 24, 32].includes(bits)) throw unsupported(`BMP with ${bits} bits a pixel`, AGAIN);
  const fields = compression === BIT_FIELDS || compression === ALPHA_BIT_FIELDS;
  const fits =
    compression === RAW ||
    (compression === RLE8 && bits === 8) ||
    (compression === RLE4 && bits === 4) ||
    (fields && (bits === 16 || bits === 32));
  if (!fits) throw unsupported(`BMP with compression ${compression} of ${bits} bits`, AGAIN);
  const after = size === 40 && fields ? FILE_HEADER + size + (compression === BIT_FIELDS ? 12 : 16) : FILE_HEADER + size;
  const used = old ? 0 : view.u32(46, true);
  const entries = Math.min(used === 0 ? 2 ** bits : used, 2 ** bits);
  return {
    width,
    height: Math.abs(rows),
    topDown: rows < 0,
    bits,
    compression,
    start: view.u32(10, true),
    palette: bits > 8 ? undefined : { at: after, entries, bytes: old ? 3 : 4 },
    masks: fields ? [view.u32(54, true), view.u32(58, true), view.u32(62, true)] : usualMasks(bits),
  };
}

function usualMasks(bits: number): BmpPlan["masks"] {
  if (bits === 16) return [0x7c00, 0x3e0, 0x1f];
  return bits === 32 ? [0xff0000, 0xff00, 0xff] : undefined;
}

/** @throws ImagingError `corrupt_image`, `unsupported_format` */
export function readBmpHeader(bytes: Uint8Array): HeaderStart {
  const { width, height, bits } = planOf(new ByteView(bytes, "BMP"));
  return {
    format: "bmp",
    width,
    height,
    bitDepth: Math.min(bits, 8),
    colour: bits <= 8 ? "palette" : "rgb",
    finish: () => ({ frames: 1, orientation: 1, alpha: false, interlaced: false }),
  };
}

/**
 * Decodes a BMP whose size was found within the limits.
 * @returns RGB8 [height,width,3]
 * @throws ImagingError `corrupt_image`, where bytes end early
 */
export function decodeBmp(bytes: Uint8Array): Uint8Array {
  const view = new ByteView(bytes, "BMP");
  const plan = planOf(view);
  const { width, height, bits, compression, start, topDown } = plan;
  const stride = Math.ceil((width * bits) / 32) * 4;
  const packed = compression === RLE4 || compression === RLE8;
  // the last row may lack its padding
  if (!packed) view.need(start, stride * (height - 1) + Math.ceil((width * bits) / 8));
  const indices = packed ? unpacked(view, plan) : undefined;
  const palette = paletteOf(view, plan);
  const rgb = new Uint8Array(width * height * 3);
  const fields = plan.masks?.map(fieldOf);
  for (let row = 0; row < height; row++) {
    const to = (topDown ? row : height - 1 - row) * width * 3;
    if (indices !== undefined) coloured(rgb, to, indices.subarray(row * width, (row + 1) * width), palette);
    else if (bits <= 8) coloured(rgb, to, indexRow(bytes, start + row * stride, width, bits), palette);
    else if (fields !== undefined) spread(rgb, to, width, view, start + row * stride, bits / 8, fields);
    else reversed(rgb, to, width, bytes, start + row * stride);
  }
  return rgb;
}

/** Entries as RGB; what lies beyond them is black. */
function paletteOf(view: ByteView, { palette }: BmpPlan): Uint8Array {
  if (palette === undefined) return new Uint8Array();
  const { at, entries, bytes } = palette;
  view.need(at, entries * bytes);
  const rgb = new Uint8Array(256 * 3);
  for (let i = 0; i < entries; i++) for (let c = 0; c < 3; c++) rgb[3 * i + c] = sampleAt(view.bytes, at + i * bytes + 2 - c);
  return rgb;
}

/** The indices of one row. */
function indexRow(bytes: Uint8Array, from: number, width: number, bits: number): Uint8Array {
  if (bits === 8) return bytes.subarray(from, from + width);
  const mask = 2 ** bits - 1;
  const row = new Uint8Array(width);
  for (let x = 0, bit = 0; x < width; x++, bit += bits) row[x] = (sampleAt(bytes, from + (bit >> 3)) >> (8 - bits - (bit & 7))) & mask;
  return row;
}

function coloured(rgb: Uint8Array, to: number, indices: Uint8Array, palette: Uint8Array): void {
  for (let x = 0, out = to; x < indices.length; x++, out += 3) {
    const index = sampleAt(indices, x) * 3;
    rgb[out] = sampleAt(palette, index);
    rgb[out + 1] = sampleAt(palette, index + 1);
    rgb[out + 2] = sampleAt(palette, index + 2);
  }
}

/** A mask's lowest bit as a number, and the highest value of its bits. */
function fieldOf(mask: number): { readonly mask: number; readonly low: number; readonly most: number } {
  const low = mask === 0 ? 1 : (mask & -mask) >>> 0;
  return { mask, low, most: Math.max(1, Math.floor((mask >>> 0) / low)) };
}

function spread(
  rgb: Uint8Array,
  to: number,
  width: number,
  view: ByteView,
  from: number,
  size: number,
  fields: readonly ReturnType<typeof fieldOf>[],
): void {
  for (let x = 0; x < width; x++) {
    const word = size === 2 ? view.u16(from + 2 * x, true) : view.u32(from + 4 * x, true);
    // cut, as Pillow does
    for (const [c, { mask, low, most }] of fields.entries()) rgb[to + 3 * x + c] = Math.floor(((((word & mask) >>> 0) / low) * 255) / most);
  }
}

/** Blue, green, red → red, green, blue. */
function reversed(rgb: Uint8Array, to: number, width: number, bytes: Uint8Array, from: number): void {
  for (let at = 0; at < width * 3; at += 3) {
    rgb[to + at] = sampleAt(bytes, from + at + 2);
    rgb[to + at + 1] = sampleAt(bytes, from + at + 1);
    rgb[to + at + 2] = sampleAt(bytes, from + at);
  }
}

/** Run lengths → indices [height,width], rows in stored order; what they jump over is index 0. Runs end with their row. */
function unpacked(view: ByteView, { width, height, compression, start }: BmpPlan): Uint8Array {
  const out = new Uint8Array(width * height);
  const four = compression === RLE4;
  let [x, y, at] = [0, 0, start];
  const put = (index: number): void => {
    if (x < width) out[y * width + x] = index;
    x++;
  };
  while (y < height) {
    // a file may end with its last row, without an end mark
    if (at >= view.length && y === height - 1 && x >= width) break;
    const [count, value] = [view.u8(at), view.u8(at + 1)];
    at += 2;
    if (count > 0) {
      for (let i = 0; i < count; i++) put(four ? (i % 2 === 0 ? value >> 4 : value & 15) : value);
    } else if (value === 0) [x, y] = [0, y + 1];
    else if (value === 1) break;
    else if (value === 2) {
      x += view.u8(at);
      y += view.u8(at + 1);
      at += 2;
    } else {
      const stored = four ? Math.ceil(value / 2) : value;
      view.need(at, stored);
      for (let i = 0; i < value; i++) put(four ? (sampleAt(view.bytes, at + (i >> 1)) >> (i % 2 === 0 ? 4 : 0)) & 15 : view.u8(at + i));
      at += stored + (stored % 2);
    }
  }
  return out;
}

// GIF: its first frame, whole. Own code: sharp and browsers lose the colours under transparency, and where the frame leaves the screen
// uncovered; Pillow keeps them. Blocks are walked before anything is allocated; codes stop at the frame's last pixel.

import { sampleAt } from "../element-read.js";
import { corrupt } from "../errors.js";
import { ByteView } from "../headers/byte-view.js";
import type { HeaderStart } from "../image-info.js";

const [EXTENSION, FRAME, END] = [0x21, 0x2c, 0x3b];
const GRAPHIC_CONTROL = 0xf9;
const SCREEN_HEADER = 13;
/** Most codes of the format: 12 bits. */
const CODES = 4096;

interface Frame {
  /** within the screen */
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly interlaced: boolean;
  readonly palette: { readonly at: number; readonly entries: number } | undefined;
  /** of what the frame does not cover */
  readonly transparent: number | undefined;
  /** where the size of codes stands; sub-blocks follow */
  readonly start: number;
}

const tableBytes = (flags: number): number => ((flags & 0x80) === 0 ? 0 : 3 * 2 ** ((flags & 7) + 1));

/** Past a chain of sub-blocks. */
function pastBlocks(view: ByteView, from: number): number {
  let at = from;
  for (;;) {
    const length = view.u8(at);
    at += length + 1;
    if (length === 0) return at;
  }
}

/** The frame's descriptor that stands at `at`. */
function frameAt(view: ByteView, at: number, transparent: number | undefined): Frame {
  const flags = view.u8(at + 9);
  const own = tableBytes(flags);
  const screen = tableBytes(view.u8(10));
  const palette = own > 0 ? { at: at + 10, entries: own / 3 } : screen > 0 ? { at: SCREEN_HEADER, entries: screen / 3 } : undefined;
  if (palette !== undefined) view.need(palette.at, palette.entries * 3);
  return {
    left: view.u16(at + 1, true),
    top: view.u16(at + 3, true),
    width: view.u16(at + 5, true),
    height: view.u16(at + 7, true),
    interlaced: (flags & 0x40) !== 0,
    palette,
    transparent,
    start: at + 10 + own,
  };
}

/** The first frame and, where the blocks behind it can be followed, how many there are. */
function framesOf(view: ByteView): { readonly first: Frame; count(): number } {
  let at = SCREEN_HEADER + tableBytes(view.u8(10));
  let transparent: number | undefined;
  for (;;) {
    const kind = view.u8(at);
    if (kind === FRAME) break;
    if (kind !== EXTENSION) throw corrupt("GIF without a frame — expected one before its end");
    if (view.u8(at + 1) === GRAPHIC_CONTROL && view.u8(at + 2) >= 4 && (view.u8(at + 3) & 1) === 1) transparent = view.u8(at + 6);
    at = pastBlocks(view, at + 2);
  }
  const first = frameAt(view, at, transparent);
  const count = (): number => {
    let frames = 1;
    for (let next = pastBlocks(view, first.start + 1); next < view.length; ) {
      const kind = view.u8(next);
      if (kind === FRAME) {
        frames++;
        next = pastBlocks(view, next + 11 + tableBytes(view.u8(next + 9)));
      } else if (kind === EXTENSION) next = pastBlocks(view, next + 2);
      else if (kind === END) break;
      else throw corrupt("GIF with a block of no kind");
    }
    return frames;
  };
  return { first, count };
}

/** The screen, grown where its first frame is larger. */
function sizeOf(view: ByteView, { left, top, width, height }: Frame): { readonly width: number; readonly height: number } {
  if (width === 0 || height === 0) throw corrupt(`GIF whose first frame has no pixels — got ${width}×${height}`);
  return { width: Math.max(view.u16(6, true), left + width), height: Math.max(view.u16(8, true), top + height) };
}

/** @throws ImagingError `corrupt_image` */
export function readGifHeader(bytes: Uint8Array): HeaderStart {
  const view = new ByteView(bytes, "GIF");
  const { first, count } = framesOf(view);
  return {
    format: "gif",
    ...sizeOf(view, first),
    bitDepth: 8,
    colour: "palette",
    finish() {
      const frames = count();
      return {
        frames: 1,
        orientation: 1,
        alpha: first.transparent !== undefined,
        interlaced: first.interlaced,
        ...(frames === 1 ? {} : { notes: [`the first of ${frames} frames is shown`] }),
      };
    },
  };
}

/**
 * Decodes the first frame of a GIF whose size was found within the limits.
 * @returns RGB8 [height,width,3]
 * @throws ImagingError `corrupt_image`
 */
export function decodeGif(bytes: Uint8Array): Uint8Array {
  const view = new ByteView(bytes, "GIF");
  const { first } = framesOf(view);
  const { width, height } = sizeOf(view, first);
  const indices = unpacked(view, first.start, first.width * first.height);
  const colours = coloursOf(bytes, first);
  const rgb = new Uint8Array(width * height * 3);
  if (first.width < width || first.height < height) cover(rgb, colours, (first.transparent ?? 0) * 3);
  for (const [row, y] of rowsOf(first).entries()) {
    const from = row * first.width;
    for (let x = 0, to = ((first.top + y) * width + first.left) * 3; x < first.width; x++, to += 3) {
      const colour = sampleAt(indices, from + x) * 3;
      rgb[to] = sampleAt(colours, colour);
      rgb[to + 1] = sampleAt(colours, colour + 1);
      rgb[to + 2] = sampleAt(colours, colour + 2);
    }
  }
  return rgb;
}

/** RGB of every index: without a palette a grey, past its end black, as in PNG. */
function coloursOf(bytes: Uint8Array, { palette }: Frame): Uint8Array {
  if (palette === undefined) return Uint8Array.from({ length: 256 * 3 }, (_, i) => Math.floor(i / 3));
  const colours = new Uint8Array(256 * 3);
  colours.set(bytes.subarray(palette.at, palette.at + palette.entries * 3));
  return colours;
}

/** The whole picture in one colour. */
function cover(rgb: Uint8Array, colours: Uint8Array, from: number): void {
  rgb.set(colours.subarray(from, from + 3));
  for (let done = 3; done < rgb.length; done *= 2) rgb.copyWithin(done, 0, Math.min(done, rgb.length - done));
}

/** Where each stored row lies. */
function rowsOf({ height, interlaced }: Frame): number[] {
  const passes = interlaced ? [[0, 8], [4, 8], [2, 4], [1, 2]] : [[0, 1]]; // biome-ignore format: a table
  return passes.flatMap(([from = 0, step = 1]) => {
    const rows: number[] = [];
    for (let y = from; y < height; y += step) rows.push(y);
    return rows;
  });
}

/** Codes of growing width → `size` indices. Ends with the last of them; fewer are an error. */
function unpacked(view: ByteView, start: number, size: number): Uint8Array {
  const least = view.u8(start);
  if (least < 1 || least > 8) throw corrupt(`GIF with codes of ${least} bits — expected 1 to 8`);
  const clear = 1 << least;
  const [prefix, suffix, first] = [new Uint16Array(CODES), new Uint8Array(CODES), new Uint8Array(CODES)];
  const length = new Uint16Array(CODES).fill(1);
  for (let code = 0; code < clear; code++) suffix[code] = first[code] = code;
  const out = new Uint8Array(size);
  let [filled, next, bits, last] = [0, clear + 2, least + 1, -1];
  let [held, holding, at, block] = [0, 0, start + 1, 0];
  while (filled < size) {
    while (holding < bits) {
      while (block === 0) {
        block = view.u8(at++);
        if (block === 0) throw corrupt(`GIF whose codes end early — expected ${size} pixels, got ${filled}`);
      }
      held |= view.u8(at++) << holding;
      holding += 8;
      block--;
    }
    const code = held & ((1 << bits) - 1);
    held >>>= bits;
    holding -= bits;
    if (code === clear) {
      [next, bits, last] = [clear + 2, least + 1, -1];
      continue;
    }
    if (code === clear + 1) throw corrupt(`GIF whose codes end early — expected ${size} pixels, got ${filled}`);
    if (last < 0 ? code > clear : code > next || (code === next && next >= CODES)) throw corrupt("GIF with a code that stands for nothing");
    if (last >= 0 && next < CODES) {
      prefix[next] = last;
      first[next] = sampleAt(first, last);
      suffix[next] = sampleAt(first, code === next ? last : code);
      length[next] = sampleAt(length, last) + 1;
      next++;
      if (next === 1 << bits && bits < 12) bits++;
    }
    // from its last pixel to its first; those past the frame are dropped
    const long = sampleAt(length, code);
    for (let to = filled + long - 1, step = code; to >= filled; to--, step = sampleAt(prefix, step)) {
      if (to < size) out[to] = sampleAt(suffix, step);
    }
    filled += long;
    last = code;
  }
  return out;
}

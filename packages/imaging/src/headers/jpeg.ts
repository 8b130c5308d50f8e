// Reads what a JPEG says about itself by walking its markers to EOI; entropy-coded data is skipped, not decoded.
// Counts the scans too: a progressive file of a few kilobytes with thousands of scans would keep a decoder busy for hours.

import { corrupt, ImagingError, unsupported } from "../errors.js";
import type { HeaderStart } from "../image-info.js";
import { ByteView } from "./byte-view.js";
import { readExifOrientation } from "./tiff.js";

/** A progressive file of real encoders has about 10 scans, at most 64 bands × 3 components in theory worth having. */
const MAX_SCANS = 200;

const SOI = 0xd8;
const EOI = 0xd9;
const SOS = 0xda;
const APP1 = 0xe1;

/** Frame headers that are decoded: baseline, extended and progressive, all Huffman coded. */
const DECODED_FRAMES = [0xc0, 0xc1, 0xc2];
const OTHER_FRAMES: Record<number, string> = {
  195: "lossless",
  197: "hierarchical",
  198: "hierarchical",
  199: "hierarchical lossless",
  201: "arithmetic-coded",
  202: "arithmetic-coded progressive",
  203: "arithmetic-coded lossless",
  205: "arithmetic-coded hierarchical",
  206: "arithmetic-coded hierarchical",
  207: "arithmetic-coded hierarchical",
  247: "JPEG-LS",
};

export function readJpegHeader(bytes: Uint8Array): HeaderStart {
  const view = new ByteView(bytes, "JPEG");
  let orientation = 1;
  let at = 2;
  for (;;) {
    const { marker, start, end } = segment(view, at);
    if (marker === SOS || marker === EOI) throw corrupt("JPEG without a frame header before its data");
    const other = OTHER_FRAMES[marker];
    if (other !== undefined) throw unsupported(`${other} JPEG`, "Save it again as baseline JPEG or PNG.");
    if (marker === APP1 && orientation === 1 && view.has(start, "Exif\0\0"))
      orientation = readExifOrientation(bytes.subarray(start + 6, end));
    at = end;
    if (!DECODED_FRAMES.includes(marker)) continue;

    const [bitDepth, height, width, components] = [view.u8(start), view.u16(start + 1), view.u16(start + 3), view.u8(start + 5)];
    if (bitDepth !== 8) throw unsupported(`JPEG with ${bitDepth}-bit samples`, "Save it again with 8 bits, or as 16-bit PNG.");
    if (height === 0 && width > 0) throw unsupported("JPEG whose height follows its data (DNL)", "Save it again as PNG.");
    const colour = ({ 1: "grey", 3: "rgb", 4: "cmyk" } as const)[components];
    if (colour === undefined) throw unsupported(`JPEG with ${components} components`, "Save it again as grey or RGB.");
    const rest = at;
    return {
      format: "jpeg",
      width,
      height,
      bitDepth,
      colour,
      finish: () => {
        orientation = checkScans(view, rest, orientation);
        return { frames: 1, orientation, alpha: false, interlaced: marker === 0xc2 };
      },
    };
  }
}

/** From behind the frame header to EOI. Returns the orientation, in case its APP1 came late. */
function checkScans(view: ByteView, from: number, orientation: number): number {
  let at = from;
  let scans = 0;
  for (;;) {
    const { marker, start, end } = segment(view, at);
    if (marker === EOI) break;
    if (DECODED_FRAMES.includes(marker) || OTHER_FRAMES[marker] !== undefined) throw corrupt("JPEG with a second frame header");
    if (marker === APP1 && orientation === 1 && view.has(start, "Exif\0\0"))
      orientation = readExifOrientation(view.bytes.subarray(start + 6, end));
    at = end;
    if (marker !== SOS) continue;
    if (++scans > MAX_SCANS) {
      throw new ImagingError(
        "too_large",
        `JPEG with too many scans — expected at most ${MAX_SCANS}, got more. Save it again as baseline JPEG or PNG.`,
      );
    }
    at = skipEntropyData(view, at);
  }
  if (scans === 0) throw corrupt("JPEG without image data — expected a scan before its end");
  return orientation;
}

/** The marker segment at `at` (0xFF fill bytes allowed before the marker). `start`..`end` is its payload; empty for markers without one. */
function segment(view: ByteView, at: number): { marker: number; start: number; end: number } {
  // A byte that is no marker here: decoders skip to the next 0xFF with a warning, and so does the walk; what it finds must still make sense.
  let position = view.bytes.indexOf(0xff, at);
  while (position >= 0 && (view.u8(position + 1) === 0xff || view.u8(position + 1) === 0))
    position = view.bytes.indexOf(0xff, position + 1);
  if (position < 0) throw corrupt(`truncated JPEG — expected an end marker, got the end of the file after ${view.length} bytes`);
  const marker = view.u8(position + 1);
  const start = position + 2;
  if (marker === EOI || marker === SOI || marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7)) return { marker, start, end: start };
  const length = view.u16(start);
  if (length < 2) throw corrupt(`JPEG segment length out of range — expected ≥ 2, got ${length}`);
  view.need(start, length);
  return { marker, start: start + 2, end: start + length };
}

/** The offset of the next real marker: stuffed zeros, restart markers and fill bytes belong to the data. */
function skipEntropyData(view: ByteView, from: number): number {
  for (let at = view.bytes.indexOf(0xff, from); at >= 0; at = view.bytes.indexOf(0xff, at + 1)) {
    const next = view.bytes[at + 1];
    if (next === undefined) break;
    if (next !== 0 && next !== 0xff && (next < 0xd0 || next > 0xd7)) return at;
  }
  throw corrupt(`truncated JPEG — expected an end marker, got the end of the file after ${view.length} bytes`);
}

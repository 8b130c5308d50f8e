// Lossless JPEG (T.81, annex H; transfer syntaxes .57 and .70): each sample is predicted from its neighbours, and the difference is coded.
// Own code: the one JavaScript decoder on npm loses the last pixel of some files.

import { corrupt, ImagingError } from "../../errors.js";
import { BitReader, type HuffmanTable } from "./jpeg-bits.js";
import { type JpegExpectation, type JpegFrame, type JpegScan, type JpegTables, walkJpeg } from "./jpeg-segments.js";

/** Difference of the next sample. */
function difference(bits: BitReader, table: HuffmanTable): number {
  const category = bits.symbol(table);
  if (category === 16) return 32_768;
  if (category > 16) throw corrupt("lossless JPEG with a difference of more than 16 bits");
  return bits.signed(category);
}

/** The sample expected at a place that has neighbours left (a), above (b) and above left (c). */
function predicted(predictor: number, a: number, b: number, c: number): number {
  switch (predictor) {
    case 1:
      return a;
    case 2:
      return b;
    case 3:
      return c;
    case 4:
      return a + b - c;
    case 5:
      return a + ((b - c) >> 1);
    case 6:
      return b + ((a - c) >> 1);
    default:
      return (a + b) >> 1;
  }
}

/** Decodes one scan into `out`, whose pixels hold `step` samples. @returns where its data end */
function decodeScan(data: Uint8Array, frame: JpegFrame, scan: JpegScan, tables: JpegTables, out: Uint16Array): number {
  const { rows, columns, precision } = frame;
  const step = frame.components.length;
  if (scan.first < 1 || scan.first > 7) throw corrupt(`lossless JPEG — expected a predictor from 1 to 7, got ${scan.first}`);
  const parts = scan.components.map(({ index, dc }) => {
    const table = tables.dc.get(dc);
    if (table === undefined) throw corrupt("JPEG scan without its code table");
    return { index, table };
  });
  const interval = tables.restartInterval;
  if (interval % columns !== 0) {
    throw new ImagingError(
      "unsupported_format",
      "lossless JPEG that restarts within a row — expected whole rows. Export the frame as PNG.",
    );
  }
  const rowsBetween = interval / columns;
  const middle = 1 << (precision - scan.low - 1);
  const bits = new BitReader(data, scan.dataStart);
  let top = true;
  for (let y = 0; y < rows; y++) {
    if (rowsBetween > 0 && y > 0 && y % rowsBetween === 0) {
      if (!bits.restart()) throw corrupt("lossless JPEG without a restart marker where one is due");
      top = true;
    }
    for (let x = 0; x < columns; x++) {
      for (const { index, table } of parts) {
        const at = (y * columns + x) * step + index;
        const left = out[at - step] ?? 0;
        const above = out[at - columns * step] ?? 0;
        let guess: number;
        if (top) guess = x === 0 ? middle : left;
        else if (x === 0) guess = above;
        else guess = predicted(scan.first, left, above, out[at - (columns + 1) * step] ?? 0);
        out[at] = (guess + difference(bits, table)) & 0xffff;
      }
    }
    top = false;
  }
  bits.requireWhole();
  if (scan.low > 0) {
    for (const { index } of parts) for (let at = index; at < out.length; at += step) out[at] = (out[at] ?? 0) << scan.low;
  }
  return bits.end;
}

/**
 * Decodes a frame.
 * @returns samples by pixel, as stored (no sign)
 * @throws ImagingError `corrupt_image`, `unsupported_format`, `too_large`
 */
export function decodeJpegLossless(data: Uint8Array, expected: JpegExpectation): Uint16Array {
  const out = new Uint16Array(expected.rows * expected.columns * expected.samples);
  const seen = new Set<number>();
  const onFrame = ({ kind, precision }: JpegFrame) => {
    if (kind !== 0xc3) throw corrupt("JPEG in DICOM — expected a lossless frame as the transfer syntax says, got another");
    if (precision < 2 || precision > 16) throw corrupt(`lossless JPEG — expected 2 to 16 bits, got ${precision}`);
  };
  walkJpeg(data, expected, onFrame, (frame, scan, tables) => {
    for (const { index } of scan.components) seen.add(index);
    return decodeScan(data, frame, scan, tables, out);
  });
  if (seen.size !== expected.samples) throw corrupt(`lossless JPEG — expected scans of ${expected.samples} components, got ${seen.size}`);
  return out;
}

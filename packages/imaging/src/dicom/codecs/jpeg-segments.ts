// The markers of a JPEG codestream within a DICOM file: tables, frame and scans. What the scans hold is not read here. Only Huffman-coded
// frames of one component, or of three without subsampling; sizes are checked against the data set before anything is allocated.

import { corrupt, ImagingError } from "../../errors.js";
import { ByteView } from "../../headers/byte-view.js";
import { type HuffmanTable, huffmanTable } from "./jpeg-bits.js";

/** A component of the frame. */
export interface JpegComponent {
  readonly id: number;
  readonly quantisation: number;
}

/** The frame header. `kind` is the marker: 0xC0 and 0xC1 sequential, 0xC2 progressive, 0xC3 lossless. */
export interface JpegFrame {
  readonly kind: number;
  readonly precision: number;
  readonly rows: number;
  readonly columns: number;
  readonly components: readonly JpegComponent[];
}

/** A scan's header, and where its data begin. */
export interface JpegScan {
  readonly components: readonly { readonly index: number; readonly dc: number; readonly ac: number }[];
  /** first coefficient, or the predictor of a lossless scan */
  readonly first: number;
  readonly last: number;
  readonly high: number;
  /** low bit of successive approximation, or the point transform */
  readonly low: number;
  readonly dataStart: number;
}

/** Tables in force. */
export interface JpegTables {
  readonly quantisation: Map<number, Uint16Array>;
  readonly dc: Map<number, HuffmanTable>;
  readonly ac: Map<number, HuffmanTable>;
  /** MCUs between restart markers; 0: none */
  restartInterval: number;
}

/** What is expected of the codestream. */
export interface JpegExpectation {
  readonly rows: number;
  readonly columns: number;
  readonly samples: number;
}

const MAX_SCANS = 200;

/** Reads the frame header (marker `kind`). */
function readFrame(view: ByteView, kind: number, start: number, expected: JpegExpectation): JpegFrame {
  const [precision, rows, columns, count] = [view.u8(start), view.u16(start + 1), view.u16(start + 3), view.u8(start + 5)];
  if (rows !== expected.rows || columns !== expected.columns || count !== expected.samples) {
    throw corrupt(
      `JPEG in DICOM — expected ${expected.columns}×${expected.rows} with ${expected.samples} components as the data set says, got ${columns}×${rows} with ${count}`,
    );
  }
  const components = Array.from({ length: count }, (_, i) => {
    const at = start + 6 + i * 3;
    if (view.u8(at + 1) !== 0x11 && count > 1) {
      throw new ImagingError(
        "unsupported_format",
        "JPEG in DICOM with subsampled colour of more than 8 bits or without loss — expected all components at one size. Export the frame as PNG.",
      );
    }
    return { id: view.u8(at), quantisation: view.u8(at + 2) };
  });
  return { kind, precision, rows, columns, components };
}

function readScan(view: ByteView, frame: JpegFrame, start: number, end: number): JpegScan {
  const count = view.u8(start);
  const components = Array.from({ length: count }, (_, i) => {
    const id = view.u8(start + 1 + i * 2);
    const index = frame.components.findIndex((component) => component.id === id);
    if (index < 0) throw corrupt("JPEG scan of a component that the frame has not");
    const tables = view.u8(start + 2 + i * 2);
    return { index, dc: tables >> 4, ac: tables & 15 };
  });
  if (count === 0) throw corrupt("JPEG scan without components");
  const at = start + 1 + count * 2;
  const approximation = view.u8(at + 2);
  return { components, first: view.u8(at), last: view.u8(at + 1), high: approximation >> 4, low: approximation & 15, dataStart: end };
}

function readHuffman(view: ByteView, start: number, end: number, tables: JpegTables): void {
  for (let at = start; at < end; ) {
    const where = view.u8(at);
    view.need(at + 1, 16);
    const counts = view.bytes.subarray(at + 1, at + 17);
    const total = counts.reduce((sum, count) => sum + count, 0);
    view.need(at + 17, total);
    (where >> 4 === 0 ? tables.dc : tables.ac).set(where & 15, huffmanTable(counts, view.bytes.subarray(at + 17, at + 17 + total)));
    at += 17 + total;
  }
}

function readQuantisation(view: ByteView, start: number, end: number, tables: JpegTables): void {
  for (let at = start; at < end; ) {
    const where = view.u8(at);
    const wide = where >> 4 !== 0;
    tables.quantisation.set(
      where & 15,
      Uint16Array.from({ length: 64 }, (_, i) => (wide ? view.u16(at + 1 + i * 2) : view.u8(at + 1 + i))),
    );
    at += 1 + (wide ? 128 : 64);
  }
}

/**
 * Walks a codestream.
 * @param decodeScan reads a scan's data and returns where they end
 * @throws ImagingError `corrupt_image`, `unsupported_format`, `too_large`
 */
export function walkJpeg(
  data: Uint8Array,
  expected: JpegExpectation,
  onFrame: (frame: JpegFrame) => void,
  decodeScan: (frame: JpegFrame, scan: JpegScan, tables: JpegTables) => number,
): void {
  const view = new ByteView(data, "JPEG in DICOM");
  const tables: JpegTables = { quantisation: new Map(), dc: new Map(), ac: new Map(), restartInterval: 0 };
  let frame: JpegFrame | undefined;
  let scans = 0;
  if (view.u16(0) !== 0xffd8) throw corrupt("JPEG in DICOM — expected a start marker, got other bytes");
  for (let at = 2; ; ) {
    while (at < data.length && view.u8(at) !== 0xff) at++;
    while (at + 1 < data.length && view.u8(at + 1) === 0xff) at++;
    // without an end marker what was read is all there is: the frames' own checks say whether it is enough
    if (at + 1 >= data.length) break;
    const marker = view.u8(at + 1);
    if (marker === 0xd9) break;
    if (marker === 0 || marker === 1 || marker === 0xd8 || (marker >= 0xd0 && marker <= 0xd7)) {
      at += 2;
      continue;
    }
    const length = view.u16(at + 2);
    if (length < 2) throw corrupt(`JPEG segment length out of range — expected at least 2, got ${length}`);
    view.need(at + 2, length);
    const [start, end] = [at + 4, at + 2 + length];
    at = end;
    if (marker === 0xc4) readHuffman(view, start, end, tables);
    else if (marker === 0xdb) readQuantisation(view, start, end, tables);
    else if (marker === 0xdd) tables.restartInterval = view.u16(start);
    else if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc8 && marker !== 0xcc) {
      if (frame !== undefined) throw corrupt("JPEG with a second frame header");
      if (marker > 0xc3)
        throw new ImagingError(
          "unsupported_format",
          "JPEG in DICOM, arithmetic-coded or hierarchical — expected Huffman codes. Export the frame as PNG.",
        );
      frame = readFrame(view, marker, start, expected);
      onFrame(frame);
    } else if (marker === 0xda) {
      if (frame === undefined) throw corrupt("JPEG with a scan before its frame header");
      if (++scans > MAX_SCANS)
        throw new ImagingError("too_large", `JPEG with too many scans — expected at most ${MAX_SCANS}, got more. Export the frame as PNG.`);
      at = decodeScan(frame, readScan(view, frame, start, end), tables);
    }
  }
  if (scans === 0) throw corrupt("JPEG without image data — expected a scan before its end");
}

// JPEG with up to 12 bits a sample (T.81, annexes F and G; transfer syntaxes .51, .53, .55): sequential and progressive, Huffman codes, grey.
// No decoder on npm gives the right values: this one is within one step of dcmtk's integer transform. Colour of more than 8 bits is refused.

import { corrupt, ImagingError } from "../../errors.js";
import { BitReader, type HuffmanTable } from "./jpeg-bits.js";
import { type JpegExpectation, type JpegFrame, type JpegScan, type JpegTables, walkJpeg } from "./jpeg-segments.js";

/** Natural place of the coefficient that comes n-th. */
const ZIGZAG = Uint8Array.of(
  0,
  1,
  8,
  16,
  9,
  2,
  3,
  10,
  17,
  24,
  32,
  25,
  18,
  11,
  4,
  5,
  12,
  19,
  26,
  33,
  40,
  48,
  41,
  34,
  27,
  20,
  13,
  6,
  7,
  14,
  21,
  28,
  35,
  42,
  49,
  56,
  57,
  50,
  43,
  36,
  29,
  22,
  15,
  23,
  30,
  37,
  44,
  51,
  58,
  59,
  52,
  45,
  38,
  31,
  39,
  46,
  53,
  60,
  61,
  54,
  47,
  55,
  62,
  63,
);

const natural = (n: number) => ZIGZAG[n & 63] ?? 0;

/** What a scan of one component is decoded with. */
interface ScanState {
  readonly bits: BitReader;
  readonly dc: HuffmanTable | undefined;
  readonly ac: HuffmanTable | undefined;
  readonly scan: JpegScan;
  previousDc: number;
  /** blocks that an end-of-band run still covers */
  endOfBand: number;
}

function needed(table: HuffmanTable | undefined): HuffmanTable {
  if (table === undefined) throw corrupt("JPEG scan without its code table");
  return table;
}

/** Coefficients first..63 or the band of a first pass: runs of zeros and values, scaled by 2^low. */
function decodeBand(state: ScanState, block: Int16Array, first: number, last: number): void {
  const { bits, scan } = state;
  const table = needed(state.ac);
  for (let k = first; k <= last; ) {
    const symbol = bits.symbol(table);
    const [run, size] = [symbol >> 4, symbol & 15];
    if (size === 0) {
      if (run === 15) {
        k += 16;
        continue;
      }
      state.endOfBand = (1 << run) + bits.bits(run) - 1;
      return;
    }
    k += run;
    if (k > last) throw corrupt("JPEG block with more than 64 coefficients");
    block[natural(k++)] = bits.signed(size) * (1 << scan.low);
  }
}

/** One more bit of each coefficient of a band that is not zero yet known, and new ones of size 1 (annex G.1.2.3). */
function refineBand(state: ScanState, block: Int16Array): void {
  const { bits, scan } = state;
  const table = needed(state.ac);
  const step = 1 << scan.low;
  const refine = (at: number) => {
    const value = block[at] ?? 0;
    if (bits.bits(1) === 1 && (value & step) === 0) block[at] = value + (value > 0 ? step : -step);
  };
  let k = scan.first;
  if (state.endOfBand === 0) {
    for (; k <= scan.last; k++) {
      const symbol = bits.symbol(table);
      let run = symbol >> 4;
      let fresh = 0;
      if ((symbol & 15) !== 0) fresh = bits.bits(1) === 1 ? step : -step;
      else if (run < 15) {
        state.endOfBand = (1 << run) + bits.bits(run);
        break;
      }
      for (; k <= scan.last; k++) {
        const at = natural(k);
        if ((block[at] ?? 0) !== 0) refine(at);
        else if (run-- === 0) break;
      }
      if (fresh !== 0 && k <= scan.last) block[natural(k)] = fresh;
    }
  }
  if (state.endOfBand === 0) return;
  for (; k <= scan.last; k++) if ((block[natural(k)] ?? 0) !== 0) refine(natural(k));
  state.endOfBand--;
}

/** One block of a scan. */
function decodeBlock(state: ScanState, block: Int16Array, progressive: boolean): void {
  const { bits, scan } = state;
  const { first, last, high, low } = scan;
  if (first === 0) {
    if (high === 0) {
      const size = bits.symbol(needed(state.dc));
      if (size > 16) throw corrupt("JPEG coefficient of more than 16 bits");
      state.previousDc += bits.signed(size);
      block[0] = state.previousDc * (1 << low);
    } else if (bits.bits(1) === 1) block[0] = (block[0] ?? 0) | (1 << low);
    if (!progressive) {
      decodeBand(state, block, 1, 63);
      state.endOfBand = 0;
    }
    return;
  }
  if (high !== 0) refineBand(state, block);
  else if (state.endOfBand > 0) state.endOfBand--;
  else decodeBand(state, block, first, last);
}

const COSINES = Float64Array.from({ length: 64 }, (_, i) => {
  const [frequency, place] = [i >> 3, i & 7];
  return (frequency === 0 ? Math.SQRT1_2 : 1) * 0.5 * Math.cos(((2 * place + 1) * frequency * Math.PI) / 16);
});
const cosine = (frequency: number, place: number) => COSINES[frequency * 8 + place] ?? 0;

/** Dequantises and transforms one block back, in double precision; `rows` is scratch of 64. */
function inverseTransform(
  block: Int16Array,
  quantisation: Float64Array,
  rows: Float64Array,
  put: (x: number, y: number, value: number) => void,
): void {
  for (let v = 0; v < 8; v++) {
    for (let x = 0; x < 8; x++) {
      let sum = 0;
      for (let u = 0; u < 8; u++) sum += (block[v * 8 + u] ?? 0) * (quantisation[v * 8 + u] ?? 0) * cosine(u, x);
      rows[v * 8 + x] = sum;
    }
  }
  for (let x = 0; x < 8; x++) {
    for (let y = 0; y < 8; y++) {
      let sum = 0;
      for (let v = 0; v < 8; v++) sum += (rows[v * 8 + x] ?? 0) * cosine(v, y);
      put(x, y, sum);
    }
  }
}

/** Coefficients of a frame as they become known. */
class Coefficients {
  readonly across: number;
  readonly down: number;
  readonly values: Int16Array;

  constructor({ rows, columns }: JpegExpectation) {
    this.across = Math.ceil(columns / 8);
    this.down = Math.ceil(rows / 8);
    this.values = new Int16Array(this.across * this.down * 64);
  }

  block(index: number): Int16Array {
    return this.values.subarray(index * 64, index * 64 + 64);
  }

  /** Reads one scan. @returns where its data end */
  decode(data: Uint8Array, frame: JpegFrame, scan: JpegScan, tables: JpegTables): number {
    const [part] = scan.components;
    const progressive = frame.kind === 0xc2;
    if (
      part === undefined ||
      scan.first > scan.last ||
      scan.last > 63 ||
      scan.low > 13 ||
      (progressive && scan.first === 0 && scan.last !== 0)
    ) {
      throw corrupt("JPEG scan header that contradicts itself");
    }
    const dc = tables.dc.get(part.dc);
    const ac = tables.ac.get(part.ac);
    const state: ScanState = { bits: new BitReader(data, scan.dataStart), dc, ac, scan, previousDc: 0, endOfBand: 0 };
    const blocks = this.across * this.down;
    for (let index = 0; index < blocks; index++) {
      if (tables.restartInterval > 0 && index > 0 && index % tables.restartInterval === 0) {
        if (!state.bits.restart()) throw corrupt("JPEG without a restart marker where one is due");
        state.previousDc = 0;
        state.endOfBand = 0;
      }
      decodeBlock(state, this.block(index), progressive);
    }
    state.bits.requireWhole();
    return state.bits.end;
  }

  /** Samples of the whole frame. */
  samples({ rows, columns }: JpegExpectation, precision: number, table: Uint16Array): Uint16Array {
    const out = new Uint16Array(rows * columns);
    const quantisation = new Float64Array(64);
    table.forEach((value, n) => {
      quantisation[natural(n)] = value;
    });
    const scratch = new Float64Array(64);
    const [middle, most] = [2 ** (precision - 1), 2 ** precision - 1];
    for (let index = 0; index < this.across * this.down; index++) {
      const [left, top] = [(index % this.across) * 8, Math.floor(index / this.across) * 8];
      inverseTransform(this.block(index), quantisation, scratch, (x, y, value) => {
        if (left + x >= columns || top + y >= rows) return;
        out[(top + y) * columns + left + x] = Math.min(most, Math.max(0, Math.round(value + middle)));
      });
    }
    return out;
  }
}

/** A decoded frame. */
export interface DctSamples {
  readonly samples: Uint16Array;
  /** bits a sample that the codestream has */
  readonly precision: number;
}

/**
 * Decodes a grey frame.
 * @throws ImagingError `corrupt_image`, `unsupported_format`, `too_large`
 */
export function decodeJpegDct(data: Uint8Array, expected: JpegExpectation): DctSamples {
  if (expected.samples !== 1) {
    throw new ImagingError("unsupported_format", "JPEG in DICOM with colour of more than 8 bits — expected grey. Export the frame as PNG.");
  }
  const coefficients = new Coefficients(expected);
  let frame: JpegFrame | undefined;
  let quantisation: Uint16Array | undefined;
  const onFrame = (found: JpegFrame) => {
    if (found.kind > 0xc2 || found.precision < 8 || found.precision > 12) {
      throw corrupt(`JPEG in DICOM — expected a frame of 8 to 12 bits as the transfer syntax says, got ${found.precision}`);
    }
    frame = found;
  };
  walkJpeg(data, expected, onFrame, (found, scan, tables) => {
    quantisation ??= tables.quantisation.get(found.components[0]?.quantisation ?? 0);
    return coefficients.decode(data, found, scan, tables);
  });
  if (frame === undefined || quantisation === undefined) throw corrupt("JPEG without a quantisation table");
  return { samples: coefficients.samples(expected, frame.precision, quantisation), precision: frame.precision };
}

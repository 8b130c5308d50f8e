// One frame as stored values: decoded, cleared of the bits that are none of the value's, signed as the data set says. What they mean is the
// rendering's to say.

import { corrupt } from "../errors.js";
import { decodeJpegDct } from "./codecs/jpeg-dct.js";
import { decodeJpegLossless } from "./codecs/jpeg-lossless.js";
import { decodeRunLength } from "./codecs/run-length.js";
import type { CodecSamples, wasmCodecs } from "./codecs/wasm-codecs.js";
import type { PixelDescription } from "./pixel-description.js";
import { type FrameCoding, SYNTAX } from "./transfer-syntaxes.js";

/** Stored values of a frame, by pixel. */
export type StoredValues = Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array | Float32Array | Float64Array;

/** A decoded frame. */
export interface StoredFrame {
  readonly values: StoredValues;
  /** what the colours are now: a codec may have converted them */
  readonly photometric: string;
}

const HOST_IS_LITTLE = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** Words of `size` bytes in the host's order. */
function words(bytes: Uint8Array, size: 1 | 2 | 4, signed: boolean, big: boolean): StoredValues {
  const count = Math.floor(bytes.length / size);
  const copy = bytes.slice(0, count * size);
  if (size > 1 && big === HOST_IS_LITTLE) {
    for (let at = 0; at < copy.length; at += size) copy.subarray(at, at + size).reverse();
  }
  const { buffer } = copy;
  if (size === 1) return signed ? new Int8Array(buffer) : copy;
  if (size === 2) return signed ? new Int16Array(buffer) : new Uint16Array(buffer);
  return signed ? new Int32Array(buffer) : new Uint32Array(buffer);
}

/** The same memory as words without a sign, in the host's order. */
function unsignedWords({ buffer, byteOffset, length }: Uint8Array, size: 1 | 2 | 4): Uint8Array | Uint16Array | Uint32Array {
  const Words = size === 1 ? Uint8Array : size === 2 ? Uint16Array : Uint32Array;
  return new Words(buffer as ArrayBuffer, byteOffset, Math.floor(length / size));
}

/** Values of the words of a file: bits outside HighBit and BitsStored go, the sign comes from the highest that stays. */
function extracted(values: StoredValues, { bitsAllocated, bitsStored, highBit, signed }: PixelDescription): StoredValues {
  const shift = highBit + 1 - bitsStored;
  if (bitsStored === bitsAllocated) return values;
  const mask = 2 ** bitsStored - 1;
  const half = 2 ** (bitsStored - 1);
  for (let at = 0; at < values.length; at++) {
    // ≤ 31 bits are left: whole numbers of 32 bits do
    const value = ((values[at] ?? 0) >>> shift) & mask;
    values[at] = signed && value >= half ? value - mask - 1 : value;
  }
  return values;
}

/** A codec's numbers as the data set's type: their sign is the data set's, whatever the codestream says. Takes over their memory where it fits. */
function signedAs(
  samples: Uint16Array | Uint8Array | Uint32Array,
  bits: number,
  { bitsAllocated, signed }: PixelDescription,
): StoredValues {
  const size = Math.max(bitsAllocated / 8, samples.BYTES_PER_ELEMENT);
  const buffer = size === samples.BYTES_PER_ELEMENT ? samples.buffer : new ArrayBuffer(samples.length * size);
  const at = buffer === samples.buffer ? samples.byteOffset : 0;
  const Values =
    size === 1 ? (signed ? Int8Array : Uint8Array) : size === 2 ? (signed ? Int16Array : Uint16Array) : signed ? Int32Array : Uint32Array;
  const out = new Values(buffer as ArrayBuffer, at, samples.length);
  if (bits < 32) masked(samples, out, bits, signed);
  else if (buffer !== samples.buffer) out.set(samples);
  return out;
}

/** The lowest `bits` of each sample: the codec may have extended a sign of its own. `out` may lie on the same memory. */
function masked(samples: Uint16Array | Uint8Array | Uint32Array, out: StoredValues, bits: number, signed: boolean): void {
  const mask = 2 ** bits - 1;
  const half = signed ? 2 ** (bits - 1) : Number.POSITIVE_INFINITY;
  if (samples instanceof Uint16Array && (out instanceof Uint16Array || out instanceof Int16Array)) {
    // the usual case, without a look at types within the loop; all bits and one type are the values as they are
    if (bits === 16) return;
    for (let at = 0; at < samples.length; at++) {
      const value = (samples[at] ?? 0) & mask;
      out[at] = value >= half ? value - mask - 1 : value;
    }
    return;
  }
  for (let at = 0; at < samples.length; at++) {
    const value = ((samples[at] ?? 0) & mask) >>> 0;
    out[at] = value >= half ? value - mask - 1 : value;
  }
}

/** Colours by plane → by pixel. */
function interleaved<T extends StoredValues>(values: T): T {
  const out = values.slice() as T;
  const pixels = Math.floor(values.length / 3);
  for (let pixel = 0; pixel < pixels; pixel++) {
    for (let plane = 0; plane < 3; plane++) out[pixel * 3 + plane] = values[plane * pixels + pixel] ?? 0;
  }
  return out;
}

/** Y Y Cb Cr → Y Cb Cr, Y Cb Cr: chroma repeated for the second of two pixels. */
function chromaRepeated(values: StoredValues, pixels: number): StoredValues {
  const out = new Uint8Array(pixels * 3);
  for (let pixel = 0; pixel < pixels; pixel++) {
    const pair = (pixel >> 1) * 4;
    out[pixel * 3] = values[pair + (pixel & 1)] ?? 0;
    out[pixel * 3 + 1] = values[pair + 2] ?? 0;
    out[pixel * 3 + 2] = values[pair + 3] ?? 0;
  }
  return out;
}

function nativeFrame(bytes: Uint8Array, syntax: string, description: PixelDescription, wordsOfTwo: boolean): StoredFrame {
  const { bitsAllocated, signed, samples, photometric, planar, rows, columns } = description;
  const big = syntax === SYNTAX.bigEndian;
  const size = bitsAllocated === 8 ? 1 : bitsAllocated === 16 ? 2 : 4;
  let source = bytes;
  if (big && size === 1 && wordsOfTwo) {
    // two samples of 8 bits lie in one word of 16, whose bytes are turned
    source = bytes.slice();
    for (let at = 0; at + 1 < source.length; at += 2) source.subarray(at, at + 2).reverse();
  }
  const values = words(source, size, samples === 1 && signed, big);
  if (samples === 1) return { values: extracted(values, description), photometric };
  if (photometric === "YBR_FULL_422") return { values: chromaRepeated(values, rows * columns), photometric: "YBR_FULL" };
  return { values: planar ? interleaved(values) : values, photometric };
}

const COLOUR = /^(RGB|YBR)/;

/** Photometric interpretation of what a codec gives: it undoes the transforms of its own codestream. */
function afterCodec(photometric: string, coding: FrameCoding): string {
  if (photometric === "YBR_ICT" || photometric === "YBR_RCT") return "RGB";
  return coding === "jpeg" && COLOUR.test(photometric) ? "RGB" : photometric;
}

function codecFrame(
  { bytes, bytesPerSample, bitsPerSample, planar }: CodecSamples,
  description: PixelDescription,
  coding: FrameCoding,
): StoredFrame {
  // a copy of the codec's memory already: no second one where it lies as it should
  const fits = HOST_IS_LITTLE && bytes.byteOffset % bytesPerSample === 0;
  const unsigned = fits ? unsignedWords(bytes, bytesPerSample) : words(bytes, bytesPerSample, false, false);
  if (!(unsigned instanceof Uint8Array || unsigned instanceof Uint16Array || unsigned instanceof Uint32Array))
    throw corrupt("codec samples of another type");
  const values = signedAs(unsigned, bitsPerSample, description);
  return { values: planar ? interleaved(values) : values, photometric: afterCodec(description.photometric, coding) };
}

/** Turns the bytes of a frame into stored values. */
export function frameDecoder(
  coding: FrameCoding,
  syntax: string,
  description: PixelDescription,
  wordsOfTwo: boolean,
  wasm: ReturnType<typeof wasmCodecs>,
): (bytes: Uint8Array) => Promise<StoredFrame> {
  const { rows, columns, samples, bitsAllocated, photometric, signed } = description;
  const expected = { rows, columns, samples };
  switch (coding) {
    case "native":
      return async (bytes) => nativeFrame(bytes, syntax, description, wordsOfTwo);
    case "rle":
      return async (bytes) => {
        const size = bitsAllocated === 8 ? 1 : bitsAllocated === 16 ? 2 : 4;
        const values = words(decodeRunLength(bytes, rows * columns, samples, size), size, samples === 1 && signed, false);
        if (samples === 1) return { values: extracted(values, description), photometric };
        return { values: interleaved(values), photometric };
      };
    case "jpeg-lossless":
      return async (bytes) => {
        const words16 = decodeJpegLossless(bytes, expected);
        const values = bitsAllocated === 8 ? Uint8Array.from(words16) : signed && samples === 1 ? new Int16Array(words16.buffer) : words16;
        return { values: samples === 1 ? extracted(values, description) : values, photometric };
      };
    case "jpeg-twelve-bit":
      if (samples === 3) return async (bytes) => codecFrame(await wasm("jpeg", bytes, expected), description, "jpeg");
      return async (bytes) => {
        const { samples: decoded, precision } = decodeJpegDct(bytes, expected);
        return { values: signedAs(decoded, precision, description), photometric };
      };
    default:
      return async (bytes) => codecFrame(await wasm(coding, bytes, expected), description, coding);
  }
}

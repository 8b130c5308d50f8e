// Grey of more than 8 bits → 8 bits: which values become 0 and 255. A person's range comes first, then what the file declares, else all 16
// bits. Values with a sign, of 32 or 64 bits or with a fraction have no usual range: they are shown in a person's range alone.
// It never looks for an image's own lowest and highest value: images of one set must stay comparable.

import type { GreyRange } from "./decoder.js";
import { sampleAt } from "./element-read.js";
import { ImagingError } from "./errors.js";
import type { ImageInfo } from "./image-info.js";

/** All of 16 bits. */
const FULL: GreyRange = { low: 0, high: 65_535 };

/** Values that spread over less than this are said to be dark. */
const QUARTER = 16_384;

/**
 * A range as a person writes it: full, bits=N (0 to 2^N − 1), or LOW..HIGH; "file" is what the file declares, undefined.
 * @throws ImagingError `bad_option`
 */
export function parseRange(text: string): GreyRange | undefined {
  if (text === "file") return undefined;
  if (text === "full") return FULL;
  const [, bits] = /^bits=(\d{1,2})$/.exec(text) ?? [];
  if (bits !== undefined && Number(bits) >= 1 && Number(bits) <= 16) return { low: 0, high: 2 ** Number(bits) - 1 };
  const [, low, high] = /^(-?\d{1,20}(?:\.\d{1,20})?)\.\.(-?\d{1,20}(?:\.\d{1,20})?)$/.exec(text) ?? [];
  if (low !== undefined && high !== undefined && Number(low) < Number(high)) return { low: Number(low), high: Number(high) };
  throw new ImagingError(
    "bad_option",
    `range — expected file, full, bits=1 to bits=16, or LOW..HIGH, got ${JSON.stringify(text.slice(0, 40))}. For instance: bits=12, or -1000..400.`,
  );
}

/**
 * Grey samples → 8 bits, rounded to nearest.
 * @param samples 16 bits each, grey, in stored rows; one in `step` is looked at for what they use, all are converted
 * @param step samples a pixel, all equal: 1, or 3 where grey was repeated
 * @returns as many bytes as samples, and a note where nobody named a range and the values use less than a quarter of 16 bits
 */
export function greyToEight(
  samples: Uint16Array,
  step: 1 | 3,
  { greyMax, whiteIsZero = false }: Pick<ImageInfo, "greyMax" | "whiteIsZero">,
  asked: GreyRange | undefined,
): { readonly data: Uint8Array; readonly note?: string } {
  const flip = whiteIsZero ? FULL.high : 0;
  let [least, most] = [FULL.high, 0];
  for (let i = 0; i < samples.length; i += step) {
    const value = sampleAt(samples, i) ^ flip;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  const declared = greyMax === undefined ? undefined : declaredRange(samples, flip, most, greyMax);
  const { low, high } = asked ?? declared ?? FULL;
  const data = new Uint8Array(samples.length);
  for (let i = 0; i < data.length; i++) {
    const value = Math.min(Math.max(sampleAt(samples, i) ^ flip, low), high);
    const shown = Math.floor(((value - low) * 510 + (high - low)) / (2 * (high - low)));
    data[i] = whiteIsZero ? 255 - shown : shown;
  }
  if (asked !== undefined || declared !== undefined || most - least >= QUARTER) return { data };
  const bits = Math.max(1, Math.ceil(Math.log2(most + 1)));
  return {
    data,
    note: `16-bit grey with values ${least} to ${most} alone is shown with little contrast; name the range, for instance bits=${bits}`,
  };
}

/** Values of any kind → 8 bits in a range, rounded to nearest, clamped beyond it; what is no number is black. */
export function valuesToEight(values: ArrayLike<number>, { low, high }: GreyRange): Uint8Array {
  const out = new Uint8Array(values.length);
  for (let i = 0; i < out.length; i++) {
    const value = Math.min(Math.max(sampleAt(values, i), low), high);
    out[i] = Math.floor(((value - low) / (high - low)) * 255 + 0.5);
  }
  return out;
}

/**
 * What a file declares, where its samples bear it out. PNG asks that samples of fewer bits be scaled up to 16: then all 16 bits are the range. Many
 * writers leave them as they are: then the declared bits are. Samples all of which look scaled (shifted up, zeros or the highest bits repeated
 * below) count as scaled.
 */
function declaredRange(samples: Uint16Array, flip: number, most: number, greyMax: number): GreyRange {
  if (most > greyMax) return FULL;
  const bits = Math.ceil(Math.log2(greyMax + 1));
  const shift = 16 - bits;
  if (shift > 0 && most > 0) {
    const scaled = (value: number): boolean => {
      const up = (value >> shift) << shift;
      return value === up || value === (up | (up >> bits));
    };
    if (bits >= 8 && samples.every((sample) => scaled(sample ^ flip))) return FULL;
  }
  return { low: 0, high: greyMax };
}

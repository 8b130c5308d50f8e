// Stored values → RGB8, by the rules of docs/dicom.md: grey through modality and VOI, one rounding at the end; colours as they are or from
// YBR; palettes by index. Overlays, shutters and annotations are never drawn.

import type { ModalityStep, ValueRange } from "./grey-values.js";
import type { LookupTable } from "./lookup-table.js";
import { lookedUp } from "./lookup-table.js";
import type { StoredFrame, StoredValues } from "./stored-values.js";

/** Every value that a frame of at most 16 bits may hold, once: what a function of one value costs is then paid once a value, not a pixel. */
function eachValue(values: StoredValues, of: (stored: number) => number, out: (index: number, result: number) => void): void {
  if (values.BYTES_PER_ELEMENT > 2) {
    for (let at = 0; at < values.length; at++) out(at, of(values[at] ?? 0));
    return;
  }
  const size = values.BYTES_PER_ELEMENT === 1 ? 256 : 65_536;
  const table = new Float64Array(size).fill(Number.NaN);
  const mask = size - 1;
  for (let at = 0; at < values.length; at++) {
    const stored = values[at] ?? 0;
    let result = table[stored & mask] ?? 0;
    if (Number.isNaN(result)) {
      result = of(stored);
      table[stored & mask] = result;
    }
    out(at, result);
  }
}

/** Lowest and highest value of a frame after the modality step, padding left out; undefined where all is padding. */
export function rangeOf(values: StoredValues, { apply }: ModalityStep, isPadding: (stored: number) => boolean): ValueRange | undefined {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  eachValue(
    values,
    (stored) => (isPadding(stored) ? Number.POSITIVE_INFINITY : apply(stored)),
    (_, value) => {
      if (value === Number.POSITIVE_INFINITY) return;
      if (value < low) low = value;
      if (value > high) high = value;
    },
  );
  return low <= high ? { low, high } : undefined;
}

/** Grey as RGB8 [pixels,3]. `inverted`: MONOCHROME1, turned before the one rounding. */
export function greyPixels(
  values: StoredValues,
  { apply }: ModalityStep,
  display: (value: number) => number,
  inverted: boolean,
): Uint8Array {
  const rgb = new Uint8Array(values.length * 3);
  const shade = (stored: number) => {
    const y = display(apply(stored));
    return Math.floor((inverted ? 255 - y : y) + 1e-9);
  };
  eachValue(values, shade, (at, grey) => {
    rgb[at * 3] = grey;
    rgb[at * 3 + 1] = grey;
    rgb[at * 3 + 2] = grey;
  });
  return rgb;
}

/** Palette colours as RGB8 [pixels,3]. */
export function palettePixels(values: StoredValues, palette: readonly [LookupTable, LookupTable, LookupTable]): Uint8Array {
  const rgb = new Uint8Array(values.length * 3);
  palette.forEach((table, channel) => {
    const shift = table.bits === 16 ? 8 : 0;
    eachValue(
      values,
      (stored) => lookedUp(table, stored) >> shift,
      (at, value) => {
        rgb[at * 3 + channel] = value;
      },
    );
  });
  return rgb;
}

const byte = (value: number) => Math.min(255, Math.max(0, Math.floor(value + 0.5)));

/** Colours as RGB8 [pixels,3]: more than 8 bits are scaled, YBR is converted (PS3.3, C.7.6.3.1.2). */
export function colourPixels({ values, photometric }: StoredFrame, bitsStored: number): Uint8Array {
  const rgb = new Uint8Array(values.length);
  const scale = bitsStored > 8 ? 255 / (2 ** bitsStored - 1) : 1;
  for (let at = 0; at < values.length; at++) rgb[at] = byte((values[at] ?? 0) * scale);
  if (!photometric.startsWith("YBR")) return rgb;
  for (let at = 0; at + 2 < rgb.length; at += 3) {
    const [y, cb, cr] = [rgb[at] ?? 0, (rgb[at + 1] ?? 0) - 128, (rgb[at + 2] ?? 0) - 128];
    rgb[at] = byte(y + 1.402 * cr);
    rgb[at + 1] = byte(y - ((0.114 * 1.772) / 0.587) * cb - ((0.299 * 1.402) / 0.587) * cr);
    rgb[at + 2] = byte(y + 1.772 * cb);
  }
  return rgb;
}

// Some components of a JPEG 2000 codestream, for a codec that gives one or three and knows no alpha: the codestream in a file whose boxes map the
// chosen ones to its channels (ISO/IEC 15444-1, I.5.3.5: direct use). Samples stay as they are.

import { joinedBytes } from "../../joined.js";

/** What is chosen, and what the codestream holds. */
export interface ChosenComponents {
  readonly rows: number;
  readonly columns: number;
  /** of the codestream */
  readonly samples: number;
  /** components to be given, one or three, all of `bits` and of one sign */
  readonly chosen: readonly number[];
  readonly bits: number;
  readonly signed: boolean;
}

const word = (value: number): number[] => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
const letters = (text: string): number[] => Array.from(text, (letter) => letter.charCodeAt(0));

function box(type: string, ...parts: readonly ArrayLike<number>[]): Uint8Array {
  const content = joinedBytes(parts);
  return joinedBytes([word(content.length + 8), letters(type), content]);
}

/** A JP2 file of the codestream whose channels are the chosen components. */
export function withChosenComponents(
  codestream: Uint8Array,
  { rows, columns, samples, chosen, bits, signed }: ChosenComponents,
): Uint8Array {
  const depth = (bits - 1) | (signed ? 0x80 : 0);
  const channels = chosen.length;
  const header = box(
    "jp2h",
    box("ihdr", word(rows), word(columns), [samples >> 8, samples & 255, depth, 7, 0, 0]),
    box("colr", [1, 0, 0], word(channels === 1 ? 17 : 16)),
    // a palette must be there for channels to be mapped; no channel uses its one entry
    box(
      "pclr",
      [0, 1, channels],
      chosen.map(() => depth),
      new Uint8Array(channels * (bits > 8 ? 2 : 1)),
    ),
    box(
      "cmap",
      chosen.flatMap((component) => [component >> 8, component & 255, 0, 0]),
    ),
  );
  return joinedBytes([box("jP  ", [13, 10, 0x87, 10]), box("ftyp", letters("jp2 \0\0\0\0jp2 ")), header, box("jp2c", codestream)]);
}

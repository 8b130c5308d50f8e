// A few letters in pixels, for pictures that must say something wherever they are shown, without a font of the system.

import type { RgbImage } from "@biovlm/core";

/** Rows of five pixels, from the top; a character that is not here is a gap. */
const GLYPHS: Readonly<Record<string, string>> = {
  "0": "01110 10001 10011 10101 11001 10001 01110",
  "1": "00100 01100 00100 00100 00100 00100 01110",
  "5": "11111 10000 11110 00001 00001 10001 01110",
  ".": "00000 00000 00000 00000 00000 01100 01100",
  ",": "00000 00000 00000 00000 01100 00100 01000",
  A: "01110 10001 10001 11111 10001 10001 10001",
  C: "01110 10001 10000 10000 10000 10001 01110",
  D: "11110 10001 10001 10001 10001 10001 11110",
  E: "11111 10000 10000 11110 10000 10000 11111",
  H: "10001 10001 10001 11111 10001 10001 10001",
  I: "01110 00100 00100 00100 00100 00100 01110",
  L: "10000 10000 10000 10000 10000 10000 11111",
  M: "10001 11011 10101 10101 10001 10001 10001",
  N: "10001 11001 10101 10011 10001 10001 10001",
  O: "01110 10001 10001 10001 10001 10001 01110",
  R: "11110 10001 10001 11110 10100 10010 10001",
  S: "01111 10000 10000 01110 00001 00001 11110",
  T: "11111 00100 00100 00100 00100 00100 00100",
  U: "10001 10001 10001 10001 10001 10001 01110",
  V: "10001 10001 10001 10001 10001 01010 00100",
  Y: "10001 10001 01010 00100 00100 00100 00100",
};
const ADVANCE = 6;

/** Pixels of a line. */
export const TEXT_HEIGHT = 7;
/** Pixels that a text takes. */
export const textWidth = (text: string): number => text.length * ADVANCE;

/** Writes a text in capitals, dark grey, its upper left corner at `left`, `top`. It must fit. */
export function drawText(image: RgbImage, left: number, top: number, text: string): void {
  for (const [i, letter] of [...text.toUpperCase()].entries()) {
    for (const [y, row] of (GLYPHS[letter] ?? "").split(" ").entries())
      for (const [x, bit] of [...row].entries())
        if (bit === "1")
          image.data.fill(
            64,
            ((top + y) * image.width + left + i * ADVANCE + x) * 3,
            ((top + y) * image.width + left + i * ADVANCE + x) * 3 + 3,
          );
  }
}

// What is left of a picture when it is compared with others: grey, 32 × 32. Re-encoding, resizing and small changes of brightness hardly touch it.
// Two prints are near-twins where they correlate above 0.98, as they stand or mirrored.

import type { Core, RgbImage } from "@biovlm/core";

/** Side of a print in pixels. */
export const PRINT_SIDE = 32;
/** Bytes of a print. */
export const PRINT_BYTES = PRINT_SIDE * PRINT_SIDE;
/** Pearson's correlation above which two prints are near-twins. */
export const TWIN_CORRELATION = 0.98;
/** A picture whose print varies by less than this (standard deviation in grey levels) looks like every other flat one: it has no twins. */
const LEAST_DEVIATION = 1;

/** The whole picture resized to 32 × 32 as Pillow does it (bicubic), then its luma: [1024] bytes. */
export function picturePrint(core: Pick<Core, "resizeBox">, image: RgbImage): Uint8Array {
  const rgb = core.resizeBox(image, { left: 0, top: 0, width: image.width, height: image.height }, PRINT_SIDE);
  const grey = new Uint8Array(PRINT_BYTES);
  // ITU-R 601, as Pillow's "L"
  for (let i = 0; i < PRINT_BYTES; i++)
    grey[i] = (rgb[3 * i]! * 19_595 + rgb[3 * i + 1]! * 38_470 + rgb[3 * i + 2]! * 7_471 + 32_768) >> 16;
  return grey;
}

/** The print with mean 0 and length 1, whose dot product with another is their correlation; undefined where it is flat. print [1024] → [1024] */
export function centredPrint(print: Uint8Array): Float64Array | undefined {
  let sum = 0;
  for (let i = 0; i < PRINT_BYTES; i++) sum += print[i]!;
  const mean = sum / PRINT_BYTES;
  let square = 0;
  for (let i = 0; i < PRINT_BYTES; i++) square += (print[i]! - mean) ** 2;
  if (square < PRINT_BYTES * LEAST_DEVIATION ** 2) return undefined;
  const length = Math.sqrt(square);
  const centred = new Float64Array(PRINT_BYTES);
  for (let i = 0; i < PRINT_BYTES; i++) centred[i] = (print[i]! - mean) / length;
  return centred;
}

/** How one print must be mirrored to look like the other. */
export const FLIPS = ["none", "horizontal", "vertical", "both"] as const;
/** One of {@link FLIPS}. */
export type Flip = (typeof FLIPS)[number];

/** The correlation of two centred prints under a flip of the second. */
export function correlation(a: Float64Array, b: Float64Array, flip: Flip): number {
  const [acrossX, acrossY] = [flip === "horizontal" || flip === "both", flip === "vertical" || flip === "both"];
  let sum = 0;
  for (let y = 0; y < PRINT_SIDE; y++) {
    const rowA = y * PRINT_SIDE;
    const rowB = (acrossY ? PRINT_SIDE - 1 - y : y) * PRINT_SIDE;
    for (let x = 0; x < PRINT_SIDE; x++) sum += a[rowA + x]! * b[rowB + (acrossX ? PRINT_SIDE - 1 - x : x)]!;
  }
  return sum;
}

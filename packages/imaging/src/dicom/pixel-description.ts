// What the pixels of a file are: size, samples, bits, sign, frames. Read and bounded before anything is allocated.

import { corrupt, ImagingError } from "../errors.js";
import type { DicomDataSet } from "./data-set.js";

/** Pixels as the data set describes them. */
export interface PixelDescription {
  readonly rows: number;
  readonly columns: number;
  /** 1 or 3 */
  readonly samples: 1 | 3;
  readonly photometric: string;
  /** 8, 16 or 32 */
  readonly bitsAllocated: 8 | 16 | 32;
  readonly bitsStored: number;
  readonly highBit: number;
  readonly signed: boolean;
  /** colours by plane instead of by pixel */
  readonly planar: boolean;
  readonly frames: number;
}

/** What bounds a file. */
export interface PixelLimits {
  readonly maxPixels: number;
  /** default 100 000 */
  readonly maxFrames?: number;
}

/** No device writes more frames than this. */
const MAX_FRAMES = 100_000;

const GREY = ["MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"];
const COLOUR = ["RGB", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422", "YBR_PARTIAL_420", "YBR_ICT", "YBR_RCT"];

function oneOf<const T extends number>(value: number | undefined, allowed: readonly T[], what: string): T {
  const found = allowed.find((candidate) => candidate === value);
  if (found !== undefined) return found;
  throw new ImagingError(
    "unsupported_format",
    `DICOM with ${value ?? "no"} ${what} — expected ${allowed.join(" or ")}. Export the frame as PNG.`,
  );
}

/**
 * Reads and checks the description.
 * @throws ImagingError `corrupt_image`, `too_large`, `too_many_frames`, `unsupported_format`
 */
export function describePixels(dataset: DicomDataSet, limits: PixelLimits): PixelDescription {
  const [rows, columns] = [dataset.u16("x00280010"), dataset.u16("x00280011")];
  if (rows === undefined || columns === undefined || rows === 0 || columns === 0) {
    throw corrupt(`DICOM without a size — expected rows and columns of at least 1, got ${rows ?? "none"} and ${columns ?? "none"}`);
  }
  if (rows * columns > limits.maxPixels) {
    throw new ImagingError(
      "too_large",
      `image too large — expected at most ${limits.maxPixels} pixels, got ${columns}×${rows}. Make it smaller, or raise maxPixels.`,
    );
  }
  const frames = dataset.decimal("x00280008") ?? 1;
  if (!Number.isSafeInteger(frames) || frames < 1) throw corrupt(`DICOM frames — expected a whole number of at least 1, got ${frames}`);
  const { maxFrames = MAX_FRAMES } = limits;
  if (frames > maxFrames) {
    throw new ImagingError("too_many_frames", `DICOM with ${frames} frames — expected at most ${maxFrames}. Split it.`);
  }
  const samples = oneOf(dataset.u16("x00280002") ?? 1, [1, 3], "samples a pixel");
  const bitsAllocated = oneOf(dataset.u16("x00280100"), [8, 16, 32], "bits allocated");
  const bitsStored = dataset.u16("x00280101") ?? bitsAllocated;
  const highBit = dataset.u16("x00280102") ?? bitsStored - 1;
  if (bitsStored < 1 || bitsStored > bitsAllocated || highBit < bitsStored - 1 || highBit >= bitsAllocated) {
    throw corrupt(`DICOM bits that contradict each other — ${bitsStored} stored of ${bitsAllocated}, highest ${highBit}`);
  }
  const photometric = dataset.text("x00280004") ?? (samples === 1 ? "MONOCHROME2" : "RGB");
  if (!(samples === 1 ? GREY : COLOUR).includes(photometric)) {
    throw new ImagingError(
      "unsupported_format",
      `DICOM photometric interpretation — expected one of ${(samples === 1 ? GREY : COLOUR).join(", ")} for ${samples} samples a pixel, got another. Export the frame as PNG.`,
    );
  }
  if (samples === 3 && bitsAllocated === 32) {
    throw new ImagingError("unsupported_format", "DICOM colour of 32 bits — expected 8 or 16. Export the frame as PNG.");
  }
  const signed = dataset.u16("x00280103") === 1;
  const planar = samples === 3 && dataset.u16("x00280006") === 1;
  return { rows, columns, samples, photometric, bitsAllocated, bitsStored, highBit, signed, planar, frames };
}

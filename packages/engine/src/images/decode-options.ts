// What a person asked for, as limits and choices of the decoder; and as a text that tells apart what was made of one file in two ways.

import { type DecodeOptions, ImagingError, parseRange, parseWindow } from "@biovlm/imaging/node";
import type { FrameChoice, ImageOptions } from "../options/engine-options.js";

/** As a person chooses; without a plane, as jobs that were planned before there were volumes, the usual one. */
type AskedFrame = Omit<FrameChoice, "plane"> & Partial<Pick<FrameChoice, "plane">>;

/** Options of the decoder. @throws ImagingError `bad_option` for a frame, window or range that cannot be */
export function decodeOptions({
  exif,
  maxImageBytes,
  maxPixels,
  frame,
  plane,
  window,
  range,
  ultrasoundRegion,
}: Pick<ImageOptions, "maxImageBytes" | "maxPixels"> & Partial<Pick<ImageOptions, "exif">> & AskedFrame): DecodeOptions & {
  readonly maxBytes: number;
  readonly maxPixels: number;
} {
  const index = frameIndex(frame);
  const shown = parseWindow(window);
  const values = parseRange(range);
  return {
    maxBytes: maxImageBytes,
    maxPixels,
    ...(exif !== undefined && { exif }),
    ...(index !== undefined && { frame: index }),
    ...(plane !== undefined && { plane }),
    ...(shown !== undefined && { window: shown }),
    ...(values !== undefined && { range: values }),
    ...(ultrasoundRegion && { ultrasoundRegion }),
  };
}

/** "middle" → undefined, the decoder's own choice; "3" → 2. */
export function frameIndex(text: string): number | undefined {
  if (text === "middle") return undefined;
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text) - 1;
  throw new ImagingError(
    "bad_option",
    `frame — expected middle or a number from 1 (classify alone takes all and every=K, K from 1), got ${JSON.stringify(text.slice(0, 40))}. For instance: 1.`,
  );
}

/** Step between frames where several are asked for: "all" → 1, "every=5" → 5; undefined where one is. */
export function frameStep(text: string): number | undefined {
  if (text === "all") return 1;
  const step = /^every=([1-9]\d{0,4})$/.exec(text)?.[1];
  return step === undefined ? undefined : Number(step);
}

/** Of frame, plane, window, range and region, where they are not the usual ones: "frame 3, window lung". Empty where they are. What is kept of an image is kept under it. */
export function frameVariant({ frame, plane = "axial", window, range, ultrasoundRegion }: AskedFrame): string {
  return [
    ...(frame === "middle" ? [] : [`frame ${frame}`]),
    ...(plane === "axial" ? [] : [`plane ${plane}`]),
    ...(window === "file" ? [] : [`window ${window}`]),
    ...(range === "file" ? [] : [`range ${range}`]),
    ...(ultrasoundRegion ? ["ultrasound region"] : []),
  ].join(", ");
}

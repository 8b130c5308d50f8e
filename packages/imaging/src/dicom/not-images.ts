// DICOM objects that carry no picture to classify: numbers, outlines, text, sound. Refused by SOP class, in words.

import { ImagingError } from "../errors.js";

/** VL Whole Slide Microscopy: frames are tiles of one picture. */
export const WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6";

const STORAGE = "1.2.840.10008.5.1.4.1.1.";

/** SOP classes below 1.2.840.10008.5.1.4.1.1., and what they are. */
const KINDS: readonly (readonly [RegExp, string])[] = [
  [/^66$/, "raw data"],
  [/^66\./, "a segmentation, registration or fiducials"],
  [/^67$/, "a real world value mapping"],
  [/^68\./, "a surface or its scan"],
  [/^481\.(?!1$)/, "an object of radiotherapy (dose, structures or plan)"],
  [/^88\./, "a structured report or key object selection"],
  [/^11\./, "a presentation state"],
  [/^104\./, "an encapsulated document or model"],
  [/^30$/, "a parametric map"],
  [/^9\./, "a waveform"],
  [/^4\.2$/, "spectroscopy"],
];

/** What an object without a picture is, by its SOP class, in words; undefined where it may be a picture. */
export function withoutPicture(sopClass: string): string | undefined {
  if (sopClass === "1.2.840.10008.1.3.10") return "a DICOMDIR, an index of other files";
  if (!sopClass.startsWith(STORAGE)) return undefined;
  const rest = sopClass.slice(STORAGE.length);
  return KINDS.find(([pattern]) => pattern.test(rest))?.[1];
}

/** @throws ImagingError `not_an_image` for an object without a picture */
export function requirePicture(sopClass: string | undefined, hasPixels: boolean): void {
  const kind = sopClass === undefined ? undefined : withoutPicture(sopClass);
  if (kind !== undefined) {
    throw new ImagingError(
      "not_an_image",
      `DICOM object — expected a picture, got ${kind}. Leave it out, or give the images that it is about.`,
    );
  }
  if (!hasPixels) {
    throw new ImagingError(
      "not_an_image",
      "DICOM object — expected a picture, got one without pixel data. Leave it out, or give the images that it is about.",
    );
  }
}

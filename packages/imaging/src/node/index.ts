// @biovlm/imaging/node: the same package with sharp as its decoder.

import type { DecodedImage, DecodeOptions } from "../decoder.js";
import { sharpDecoder } from "./sharp-decoder.js";

export type { DecodedImage, DecodeOptions, ImageDecoder, ImageFormat, ImageStack, PageFacts } from "../decoder.js";
export { DEFAULT_DECODE_OPTIONS } from "../decoder.js";
export type { DicomFacts, ShownWindow } from "../dicom/dicom-facts.js";
export { parseWindow, WINDOW_PRESETS } from "../dicom/dicom-image.js";
export { withoutPicture } from "../dicom/not-images.js";
export { type DicomOrigin, dicomOrigins } from "../dicom/origin.js";
export { findSlicePlace, type OrderedSeries, orderedSeries, readSlicePlace, type SlicePlace } from "../dicom/series.js";
export { ImagingError, type ImagingErrorCode, READ_FORMATS } from "../errors.js";
export { parseRange } from "../grey-range.js";
export { readImageInfo } from "../header.js";
export { mended } from "../headers/mending.js";
export type { ImageInfo } from "../image-info.js";
export type { Slide, SlideLevel, SlideRegion } from "../slides/slide.js";
export { cellRegion, type TileChoice, type TileGrid, tileGrid } from "../slides/tile-grid.js";
export { type Tissue, tissueShares } from "../slides/tissue.js";
export { PLANES, type Plane } from "../volumes/orientation.js";
export type { SliceFacts } from "../volumes/slice-facts.js";
export { type SharpDecoderOptions, sharpDecoder } from "./sharp-decoder.js";
export { openSlide } from "./slide.js";

const decoder = sharpDecoder();

/**
 * Decodes one untrusted image to upright RGB8 with sharp.
 * @returns data [height,width,3], 8 bits
 * @throws ImagingError (rejects) with a stable `code`
 * @example const { data, width, height } = await decodeImage(await readFile("scan.png"))
 */
export function decodeImage(bytes: Uint8Array, options?: DecodeOptions): Promise<DecodedImage> {
  return decoder.decode(bytes, options);
}

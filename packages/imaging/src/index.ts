// @biovlm/imaging: untrusted bytes → upright RGB8 pixels within limits. This entry runs in browsers; ./node decodes with sharp.

import { browserDecoder } from "./browser-decoder.js";
import type { DecodedImage, DecodeOptions } from "./decoder.js";

export { type BrowserDecoderOptions, browserDecoder } from "./browser-decoder.js";
export type { DecodedImage, DecodeOptions, FrameOptions, GreyRange, ImageDecoder, ImageFormat, ImageStack, PageFacts } from "./decoder.js";
export { DEFAULT_DECODE_OPTIONS } from "./decoder.js";
export type { CodecSource, WasmCodec } from "./dicom/codecs/wasm-codecs.js";
export type { DicomFacts, ShownWindow } from "./dicom/dicom-facts.js";
export { parseWindow, WINDOW_PRESETS } from "./dicom/dicom-image.js";
export { withPreamble } from "./dicom/file-preamble.js";
export { withoutPicture } from "./dicom/not-images.js";
export { type OrderedSeries, orderedSeries, readSlicePlace, type SlicePlace } from "./dicom/series.js";
export { ImagingError, type ImagingErrorCode, READ_FORMATS } from "./errors.js";
export { parseRange } from "./grey-range.js";
export { readImageInfo } from "./header.js";
export type { ImageInfo } from "./image-info.js";
export { PLANES, type Plane } from "./volumes/orientation.js";
export { type SliceFacts, sliceNotes } from "./volumes/slice-facts.js";

const decoder = browserDecoder();

/**
 * Decodes one untrusted image to upright RGB8 with what the browser has.
 * @returns data [height,width,3], 8 bits
 * @throws ImagingError (rejects) with a stable `code`
 * @example const { data, width, height } = await decodeImage(new Uint8Array(await file.arrayBuffer()))
 */
export function decodeImage(bytes: Uint8Array, options?: DecodeOptions): Promise<DecodedImage> {
  return decoder.decode(bytes, options);
}

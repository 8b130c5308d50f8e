// @biovlm/imaging: untrusted bytes → upright RGB8 pixels within limits. This entry runs in browsers; ./node decodes with sharp.

export type { DecodedImage, DecodeOptions, ImageDecoder, ImageFormat } from "./decoder.js";
export { DEFAULT_DECODE_OPTIONS } from "./decoder.js";
export { ImagingError, type ImagingErrorCode } from "./errors.js";
export { type ImageInfo, readImageInfo } from "./header.js";

// A still image as a stack of one frame, and a decoder made of how its one frame is decoded. Formats with more frames bring a stack of their own.

import {
  type DecodedImage,
  type DecodeOptions,
  type ImageDecoder,
  type ImageStack,
  type ResolvedDecodeOptions,
  resolveDecodeOptions,
} from "./decoder.js";
import { ImagingError } from "./errors.js";
import { readLimitedInfo } from "./header.js";
import type { ImageInfo } from "./image-info.js";

/** Decodes the first frame of bytes whose header passed the limits. */
export type DecodeFirst = (bytes: Uint8Array, info: ImageInfo, limits: ResolvedDecodeOptions) => Promise<DecodedImage>;

/** `open` and `decode` of a decoder that reads first frames. */
export function stillDecoder(decodeFirst: DecodeFirst): Pick<ImageDecoder, "open" | "decode"> {
  const open = async (bytes: Uint8Array, options?: DecodeOptions): Promise<ImageStack> => {
    const limits = resolveDecodeOptions(options);
    const info = readLimitedInfo(bytes, limits);
    return {
      format: info.format,
      frames: 1,
      async frame(index, { window } = {}) {
        if (index !== 0)
          throw new ImagingError(
            "bad_option",
            `frame — expected 0 of ${info.format.toUpperCase()} with one frame, got ${index}. Ask for 0.`,
          );
        if (window !== undefined)
          throw new ImagingError(
            "bad_option",
            `window — expected none for ${info.format.toUpperCase()}, whose samples are shown as they are. Leave it out.`,
          );
        return decodeFirst(bytes, info, limits);
      },
    };
  };
  return { open, decode: async (bytes, options) => (await open(bytes, options)).frame(0) };
}

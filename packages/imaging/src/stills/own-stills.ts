// Still images that are decoded by the same code in Node and in browsers: BMP, PNM, GIF, and JPEG 2000 by its codec.

import type { ImageFormat, ResolvedDecodeOptions } from "../decoder.js";
import type { wasmCodecs } from "../dicom/codecs/wasm-codecs.js";
import type { ImageInfo } from "../image-info.js";
import { decodeBmp } from "./bmp.js";
import { decodeGif } from "./gif.js";
import { decodeJpeg2000 } from "./jpeg-2000.js";
import { decodePnm } from "./pnm.js";

/** Formats that our own code reads wherever it runs. */
export const OWN_FORMATS: readonly ImageFormat[] = ["bmp", "pnm", "gif", "jpeg-2000", "dicom", "nifti", "nrrd"];

/**
 * RGB8 [height,width,3] of an image whose header passed the limits; undefined of formats that are others' to decode.
 * @throws ImagingError (rejects)
 */
export async function decodeOwnStill(
  bytes: Uint8Array,
  info: ImageInfo,
  { range }: Pick<ResolvedDecodeOptions, "range">,
  codecs: ReturnType<typeof wasmCodecs>,
): Promise<{ readonly data: Uint8Array; readonly note?: string } | undefined> {
  switch (info.format) {
    case "bmp":
      return { data: decodeBmp(bytes) };
    case "gif":
      return { data: decodeGif(bytes) };
    case "pnm":
      return decodePnm(bytes, range);
    case "jpeg-2000":
      return decodeJpeg2000(bytes, info, range, codecs);
    default:
      return undefined;
  }
}

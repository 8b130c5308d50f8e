// A still image as a stack of one frame, a TIFF of several pages as a stack of those, and a decoder made of how one frame is decoded. DICOM and
// volumes bring stacks of their own.

import {
  type DecodedImage,
  type DecodeOptions,
  type ImageDecoder,
  type ImageFormat,
  type ImageStack,
  type ResolvedDecodeOptions,
  resolveDecodeOptions,
} from "./decoder.js";
import { type CodecSource, wasmCodecs } from "./dicom/codecs/wasm-codecs.js";
import { openDicom } from "./dicom/dicom-image.js";
import { withoutRegion } from "./dicom/ultrasound-region.js";
import { ImagingError } from "./errors.js";
import { isDicomFile, isTiffFile } from "./formats.js";
import { readLimitedInfo, requireBytes } from "./header.js";
import { mended } from "./headers/mending.js";
import type { ImageInfo } from "./image-info.js";
import { decodeOwnStill } from "./stills/own-stills.js";
import { type TiffPages, tiffPages } from "./tiff/pages.js";
import { withinTime } from "./time-limit.js";
import { openVolume } from "./volumes/volume-image.js";

/** Decodes the first frame of bytes whose header passed the limits; `codecs` are those of DICOM, each loaded once. */
export type DecodeFirst = (
  bytes: Uint8Array,
  info: ImageInfo,
  limits: ResolvedDecodeOptions,
  codecs: ReturnType<typeof wasmCodecs>,
) => Promise<DecodedImage>;

/** Formats whose files may have several frames that can be asked for. */
const FRAMED: readonly string[] = ["dicom", "nifti", "nrrd"];

/** The frame that `decode` reads of a stack. */
const chosenFrame = (frames: number, asked: number | undefined) => asked ?? (frames === 1 ? 0 : Math.floor(frames / 2));

/** An image of our own decoders, whose formats know no orientation. */
function ownImage(
  { data, note }: { readonly data: Uint8Array; readonly note?: string },
  { width, height, format }: ImageInfo,
): DecodedImage {
  return { data, width, height, format, ...(note === undefined ? {} : { notes: [note], unsaidRange: true as const }) };
}

/** Pages of a TIFF, each read as the first image of a file that holds no other. */
function pageStack(
  { count, only }: TiffPages,
  decodePage: (page: Uint8Array, info: ImageInfo) => Promise<DecodedImage>,
  limits: ResolvedDecodeOptions,
): ImageStack {
  return {
    format: "tiff",
    frames: count,
    windowed: false,
    async frame(index, { window } = {}) {
      if (!(Number.isInteger(index) && index >= 0 && index < count))
        throw new ImagingError(
          "bad_option",
          `frame — expected one of ${count} pages, got number ${index + 1} (counted from 1). Ask for one that the file has.`,
        );
      if (window !== undefined) throw withoutWindow("tiff");
      const bytes = only(index);
      const info = readLimitedInfo(bytes, limits);
      const image = await decodePage(bytes, info);
      const page = { frame: index + 1, frames: count };
      const told = [...(count === 1 ? [] : [`page ${page.frame} of ${count}`]), ...(info.notes ?? []), ...(image.notes ?? [])];
      return { ...image, page, ...(told.length === 0 ? {} : { notes: told }) };
    },
  };
}

function withoutWindow(format: ImageFormat): ImagingError {
  return new ImagingError(
    "bad_option",
    `window — expected none for ${format.toUpperCase()}, whose samples are shown as they are. Leave it out.`,
  );
}

/** `open` and `decode` of a decoder: of DICOM with the codecs of `wasm`, of volumes by slices, of other formats by how their first frame is decoded. */
export function imageDecoder(decodeFirst: DecodeFirst, wasm: CodecSource): Pick<ImageDecoder, "open" | "decode"> {
  const codecs = wasmCodecs(wasm);
  const open = async (given: Uint8Array, options?: DecodeOptions): Promise<ImageStack> => {
    // a Buffer's slice() copies nothing, and its memory may hold more than the file
    const bytes = given instanceof Uint8Array ? new Uint8Array(given.buffer, given.byteOffset, given.byteLength) : given;
    const limits = resolveDecodeOptions(options);
    requireBytes(bytes, limits);
    // what a file inflates to may be larger than the file, within what the pixels may take
    const maxInflated = Math.max(limits.maxBytes, limits.maxPixels * 4) + 1024 * 1024;
    const { ultrasoundRegion } = limits;
    if (isDicomFile(bytes)) {
      const reading = { maxPixels: limits.maxPixels, maxInflated, codecs, ultrasoundRegion };
      const stack = await withinTime(openDicom(bytes, reading), limits.timeoutMs);
      return { ...stack, frame: (index, how) => withinTime(stack.frame(index, how), limits.timeoutMs) };
    }
    const { maxPixels, plane, timeoutMs } = limits;
    const volume = await withinTime(openVolume(bytes, { maxPixels, maxInflated, plane }), timeoutMs);
    if (volume !== undefined && ultrasoundRegion) throw withoutRegion(volume.format.toUpperCase());
    if (volume !== undefined) return { ...volume, frame: (index, how) => withinTime(volume.frame(index, how), timeoutMs) };
    const pages = isTiffFile(bytes) ? tiffPages(bytes) : undefined;
    if (pages !== undefined && ultrasoundRegion) throw withoutRegion("TIFF");
    if (pages !== undefined) return pageStack(pages, (page, info) => decodeFirst(page, info, limits, codecs), limits);
    const { bytes: still, notes } = mended(bytes);
    const info = readLimitedInfo(still, limits);
    if (ultrasoundRegion) throw withoutRegion(info.format.toUpperCase());
    return {
      format: info.format,
      frames: 1,
      windowed: false,
      async frame(index, { window } = {}) {
        if (index !== 0)
          throw new ImagingError(
            "bad_option",
            `frame — expected 0 of ${info.format.toUpperCase()} with one frame, got ${index}. Ask for 0.`,
          );
        if (window !== undefined) throw withoutWindow(info.format);
        const own = await withinTime(decodeOwnStill(still, info, limits, codecs), limits.timeoutMs);
        const image = own === undefined ? await decodeFirst(still, info, limits, codecs) : ownImage(own, info);
        const told = [...notes, ...(info.notes ?? []), ...(image.notes ?? [])];
        return told.length === 0 ? image : { ...image, notes: told };
      },
    };
  };
  return {
    open,
    async decode(bytes, options) {
      const stack = await open(bytes, options);
      if (stack.frames === 1 && !FRAMED.includes(stack.format)) return stack.frame(0);
      return stack.frame(chosenFrame(stack.frames, options?.frame), stack.windowed ? { window: options?.window } : {});
    },
  };
}

// Decodes with sharp (libvips) in Node. sharp sees only bytes whose header passed our own reader, so never SVG, PDF or an unlimited size.
// sharp is imported on the first decode: a program that decodes elsewhere need not have it.

import type { Sharp, SharpInput, SharpOptions } from "sharp";
import type { GreyRange, ImageDecoder } from "../decoder.js";
import { corrupt, ImagingError } from "../errors.js";
import { greyToEight } from "../grey-range.js";
import type { ImageInfo } from "../image-info.js";
import { cmykToRgb, sixteenToEight, turnUpright } from "../pixels.js";
import { imageDecoder } from "../still-image.js";
import { withinTime } from "../time-limit.js";
import { installedCodecs } from "./installed-codecs.js";

/** Settings of sharp itself, which are global to the process. */
export interface SharpDecoderOptions {
  /** Threads libvips uses within one image; 1 is best where many images are decoded at once. Default: sharp's own (the number of cores). */
  readonly concurrency?: number;
}

type SharpModule = ((input: SharpInput, options: SharpOptions) => Sharp) & {
  cache(on: boolean): unknown;
  concurrency(threads: number): unknown;
};

let loading: Promise<SharpModule> | undefined;

function loadSharp(): Promise<SharpModule> {
  loading ??= import("sharp").then(
    ({ default: sharp }) => {
      sharp.cache(false); // libvips would keep up to 50 MB of operations and their pixels; every image here is decoded once.
      return sharp as unknown as SharpModule;
    },
    (cause: unknown) => {
      loading = undefined;
      throw new ImagingError(
        "decoder_unavailable",
        "sharp cannot be loaded — expected the package with its binary for this platform. Run: npm install sharp",
        {
          cause,
        },
      );
    },
  );
  return loading;
}

/** A decoder on sharp for PNG, JPEG, WebP and TIFF; DICOM and volumes by our own readers. @example await sharpDecoder({ concurrency: 1 }).decode(bytes) */
export function sharpDecoder({ concurrency }: SharpDecoderOptions = {}): ImageDecoder {
  if (concurrency !== undefined && !(Number.isSafeInteger(concurrency) && concurrency >= 1)) {
    throw new ImagingError("bad_option", `concurrency — expected a whole number ≥ 1, got ${concurrency}. Correct the value.`);
  }
  return {
    name: "sharp",
    formats: ["png", "jpeg", "webp", "tiff", "dicom", "nifti", "nrrd"],
    ...imageDecoder(async (bytes, info, limits) => {
      const sharp = await loadSharp();
      if (concurrency !== undefined) sharp.concurrency(concurrency);
      const image = sharp(bytes, {
        failOn: limits.strict ? "warning" : "error",
        limitInputPixels: limits.maxPixels,
        unlimited: false,
        sequentialRead: true,
        pages: 1,
        page: 0,
        ignoreIcc: true,
        autoOrient: false,
      });
      if (limits.timeoutMs !== undefined) image.timeout({ seconds: Math.ceil(limits.timeoutMs / 1000) });
      const { data, note } = await withinTime(readRgb(image, info, limits.range), limits.timeoutMs);
      const upright = turnUpright(data, info.width, info.height, limits.exif === "apply" ? info.orientation : 1);
      return { ...upright, format: info.format, ...(note === undefined ? {} : { notes: [note], unsaidRange: true as const }) };
    }, installedCodecs),
  };
}

/** Runs the pipeline: RGB8 in stored rows [height,width,3]. */
async function readRgb(image: Sharp, info: ImageInfo, range: GreyRange | undefined): Promise<{ data: Uint8Array; note?: string }> {
  const cmyk = info.colour === "cmyk";
  const wide = info.bitDepth === 16;
  if (cmyk) image.pipelineColourspace("cmyk").toColourspace("cmyk");
  else image.removeAlpha().toColourspace(wide ? "rgb16" : "srgb");
  let raw: { data: Buffer; info: { width: number; height: number; channels: number } };
  try {
    raw = await image.raw({ depth: wide ? "ushort" : "uchar" }).toBuffer({ resolveWithObject: true });
  } catch (cause) {
    throw decodeFailure(info, cause);
  }
  const { width, height, channels } = raw.info;
  if (width !== info.width || height !== info.height) {
    throw corrupt(`${info.format.toUpperCase()} sizes disagree — header ${info.width}×${info.height}, data ${width}×${height}`);
  }
  const { buffer, byteOffset, byteLength } = raw.data;
  const samples = width * height * (cmyk ? 4 : 3);
  if (byteLength !== samples * (wide ? 2 : 1)) {
    throw corrupt(`${info.format.toUpperCase()} decoded to ${channels} channels — expected ${cmyk ? 4 : 3} as its header says`);
  }
  if (wide) {
    const wider = new Uint16Array(buffer, byteOffset, samples);
    return info.colour === "grey" ? greyToEight(wider, 3, info, range) : { data: sixteenToEight(wider) };
  }
  const data = new Uint8Array(buffer, byteOffset, byteLength);
  return { data: cmyk ? cmykToRgb(data) : data };
}

function decodeFailure(info: ImageInfo, cause: unknown): ImagingError {
  const text = cause instanceof Error ? cause.message : String(cause);
  if (/timeout/i.test(text))
    return new ImagingError("timeout", "decoding took too long. Raise timeoutMs or save the image again.", { cause });
  if (/pixel limit/i.test(text))
    return new ImagingError("too_large", "image too large for the decoder. Make it smaller or raise maxPixels.", { cause });
  return corrupt(`${info.format.toUpperCase()} that does not decode (${info.width}×${info.height})`, cause);
}

/**
 * Decodes a TIFF of 8-bit samples that our own reader made of a slide's tile.
 * @returns RGB8 [height,width,3]; grey is repeated, alpha dropped
 * @throws ImagingError `corrupt_image`
 */
export async function decodeTileTiff(bytes: Uint8Array, width: number, height: number): Promise<Uint8Array> {
  const sharp = await loadSharp();
  const options = { failOn: "error", limitInputPixels: width * height, unlimited: false, sequentialRead: true, ignoreIcc: true } as const;
  try {
    const image = sharp(bytes, { ...options, pages: 1, page: 0, autoOrient: false })
      .removeAlpha()
      .toColourspace("srgb");
    const { data, info } = await image.raw({ depth: "uchar" }).toBuffer({ resolveWithObject: true });
    if (info.width !== width || info.height !== height || data.length !== width * height * 3) throw new Error("another size");
    return new Uint8Array(data.buffer, data.byteOffset, data.length);
  } catch (cause) {
    throw corrupt("slide tile that does not decode", cause);
  }
}

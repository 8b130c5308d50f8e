// Decodes with sharp (libvips) in Node. sharp sees only bytes whose header passed our own reader, so never SVG, PDF or an unlimited size.
// sharp is imported on the first decode: a program that decodes elsewhere need not have it.

import type { Sharp, SharpInput, SharpOptions } from "sharp";
import type { GreyRange, ImageDecoder } from "../decoder.js";
import { corrupt, ImagingError, unsupported } from "../errors.js";
import { greyToEight, valuesToEight } from "../grey-range.js";
import { saidUnsigned } from "../headers/tiff.js";
import type { ImageInfo } from "../image-info.js";
import { cmykToRgb, repeatedGrey, sixteenToEight, turnUpright } from "../pixels.js";
import { imageDecoder } from "../still-image.js";
import { OWN_FORMATS } from "../stills/own-stills.js";
import { type StoredBytes, storedBytes, unpackedTiff } from "../tiff/blocks.js";
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

/** A decoder on sharp for PNG, JPEG, WebP and TIFF; the others by our own readers. @example await sharpDecoder({ concurrency: 1 }).decode(bytes) */
export function sharpDecoder({ concurrency }: SharpDecoderOptions = {}): ImageDecoder {
  if (concurrency !== undefined && !(Number.isSafeInteger(concurrency) && concurrency >= 1)) {
    throw new ImagingError("bad_option", `concurrency — expected a whole number ≥ 1, got ${concurrency}. Correct the value.`);
  }
  return {
    name: "sharp",
    formats: ["png", "jpeg", "webp", "tiff", ...OWN_FORMATS],
    ...imageDecoder(async (bytes, info, limits) => {
      const sharp = await loadSharp();
      if (concurrency !== undefined) sharp.concurrency(concurrency);
      const most = limits.maxPixels * BLOCK_BYTES;
      const plain = info.zstd === undefined ? bytes : await withinTime(unpackedTiff(bytes, most), limits.timeoutMs);
      const stored = info.bitDepth === 64 ? storedBytes(plain, most) : undefined;
      const image = sharp(stored?.bytes ?? (info.values === "signed" ? saidUnsigned(plain) : plain), {
        failOn: limits.strict ? "warning" : "error",
        limitInputPixels: stored === undefined ? limits.maxPixels : most,
        unlimited: false,
        sequentialRead: true,
        pages: 1,
        page: 0,
        ignoreIcc: true,
        autoOrient: false,
      });
      if (limits.timeoutMs !== undefined) image.timeout({ seconds: Math.ceil(limits.timeoutMs / 1000) });
      const pixels = info.values === undefined ? readRgb(image, info, limits.range) : readValues(image, info, limits.range, stored);
      const { data, note } = await withinTime(pixels, limits.timeoutMs);
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
  const channels = cmyk ? (info.alpha ? 5 : 4) : 3;
  const { buffer, byteOffset, byteLength } = await readRaw(image, info, wide ? "ushort" : "uchar", channels);
  const samples = byteLength / (wide ? 2 : 1);
  if (wide) {
    const wider = new Uint16Array(buffer, byteOffset, samples);
    return info.colour === "grey" ? greyToEight(wider, 3, info, range) : { data: sixteenToEight(wider) };
  }
  const data = new Uint8Array(buffer, byteOffset, byteLength);
  return { data: cmyk ? cmykToRgb(channels === 5 ? withoutFifth(data) : data) : data };
}

/** Inks without the alpha behind them. */
const withoutFifth = (data: Uint8Array): Uint8Array => data.filter((_, i) => i % 5 !== 4);

/** Bytes of a pixel that a TIFF's blocks may take: one value of 64 bits, or four of 16. */
const BLOCK_BYTES = 8;

const RAW_BYTES = { uchar: 1, ushort: 2, uint: 4, float: 4 } as const;

/** Samples as they come out of the pipeline, of the size and the channels that the header says. */
async function readRaw(image: Sharp, info: ImageInfo, depth: keyof typeof RAW_BYTES, channels: number): Promise<Buffer> {
  let raw: { data: Buffer; info: { width: number; height: number; channels: number } };
  try {
    raw = await image.raw({ depth }).toBuffer({ resolveWithObject: true });
  } catch (cause) {
    throw decodeFailure(info, cause);
  }
  const { width, height } = raw.info;
  if (width !== info.width || height !== info.height) {
    throw corrupt(`${info.format.toUpperCase()} sizes disagree — header ${info.width}×${info.height}, data ${width}×${height}`);
  }
  if (raw.data.byteLength !== width * height * channels * RAW_BYTES[depth]) {
    throw corrupt(`${info.format.toUpperCase()} decoded to ${raw.info.channels} channels — expected ${channels} as its header says`);
  }
  return raw.data;
}

/** Grey values that are no shades: RGB8 in the range that was asked for, in stored rows. */
async function readValues(
  image: Sharp,
  info: ImageInfo,
  range: GreyRange | undefined,
  stored: StoredBytes | undefined,
): Promise<{ data: Uint8Array; note?: string }> {
  if (range === undefined) throw unsupported("values without a range", "Name the values that become black and white.");
  const { bitDepth: bits, values } = info;
  // the same in and out: libvips would make shades of them
  const space = bits === 16 ? "grey16" : "b-w";
  image.pipelineColourspace(space).toColourspace(space);
  if (stored !== undefined) {
    const decoded = await readRaw(image, { ...info, width: stored.rowBytes }, "uchar", 1);
    return { data: repeatedGrey(valuesToEight(stored.values(decoded), range)) };
  }
  const depth = values === "float" ? "float" : bits === 32 ? "uint" : bits === 16 ? "ushort" : "uchar";
  const { buffer, byteOffset } = await readRaw(image, info, depth, 1);
  const Samples = {
    float: Float32Array,
    uint: values === "signed" ? Int32Array : Uint32Array,
    ushort: Int16Array,
    uchar: Int8Array,
  }[depth];
  return { data: repeatedGrey(valuesToEight(new Samples(buffer as ArrayBuffer, byteOffset, info.width * info.height), range)) };
}

function decodeFailure(info: ImageInfo, cause: unknown): ImagingError {
  const text = cause instanceof Error ? cause.message : String(cause);
  if (/timeout/i.test(text))
    return new ImagingError("timeout", "decoding took too long. Save the image again, or raise timeoutMs.", { cause });
  if (/pixel limit/i.test(text))
    return new ImagingError("too_large", "image too large for the decoder. Make it smaller, or raise maxPixels.", { cause });
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

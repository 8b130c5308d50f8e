// From bytes to what the image says about itself, with every limit applied: this runs before any decoder sees the file.
// A header costs microseconds and a few kilobytes whatever it claims; nothing here inflates, decodes or allocates by a claimed size.

import { type DecodeOptions, type ResolvedDecodeOptions, resolveDecodeOptions } from "./decoder.js";
import { corrupt, ImagingError } from "./errors.js";
import { imageFormatOf } from "./formats.js";
import type { ImageInfo } from "./image-info.js";

/**
 * Reads the header of an image and applies the limits of `options`.
 * @throws ImagingError `empty_input`, `too_large`, `too_many_frames`, `unsupported_format`, `corrupt_image` or `bad_option`
 * @example readImageInfo(bytes) // { format: "png", width: 512, height: 512, bitDepth: 8, colour: "grey", frames: 1, … }
 */
export function readImageInfo(bytes: Uint8Array, options?: DecodeOptions): ImageInfo {
  return readLimitedInfo(bytes, resolveDecodeOptions(options));
}

/** `readImageInfo` with options that were resolved already. */
export function readLimitedInfo(bytes: Uint8Array, limits: ResolvedDecodeOptions): ImageInfo {
  requireBytes(bytes, limits);
  const { finish, blockPixels, ...start } = imageFormatOf(bytes).read(bytes);
  const { format, width, height } = start;
  if (width === 0 || height === 0)
    throw corrupt(`${format.toUpperCase()} without pixels — expected a size of at least 1×1, got ${width}×${height}`);
  if (width * height > limits.maxPixels || (blockPixels ?? 0) > limits.maxPixels) {
    throw new ImagingError(
      "too_large",
      `image too large — expected at most ${limits.maxPixels} pixels, got ${width}×${height}${(blockPixels ?? 0) > limits.maxPixels ? ` in blocks of ${blockPixels}` : ""}. ${(blockPixels ?? 1) > 1 ? "Read a slide by its tiles (biovlm slide), make" : "Make"} it smaller, or raise maxPixels.`,
    );
  }
  const rest = finish();
  if (rest.frames > limits.maxFrames) {
    throw new ImagingError(
      "too_many_frames",
      `image with ${rest.frames} frames — expected at most ${limits.maxFrames}. ${format === "tiff" ? "Read a slide by its tiles (biovlm slide), or save" : "Save"} the frame you mean as an image of its own, or raise maxFrames.`,
    );
  }
  if (rest.values !== undefined && limits.range === undefined) {
    throw new ImagingError(
      "unsupported_format",
      `${format.toUpperCase()} of ${VALUES[rest.values]} without a range — expected one of the values to show, got none. Name the values that become black and white as range LOW..HIGH, the same for all images that belong together.`,
    );
  }
  return { ...start, ...rest };
}

const VALUES = {
  signed: "whole numbers with a sign",
  unsigned: "whole numbers of 32 or 64 bits",
  float: "numbers with fractions",
} as const;

/** Bytes of a size that is taken. @throws ImagingError `bad_option`, `empty_input`, `too_large` */
export function requireBytes(bytes: Uint8Array, limits: ResolvedDecodeOptions): void {
  if (!(bytes instanceof Uint8Array))
    throw new ImagingError("bad_option", `image bytes — expected a Uint8Array, got ${typeof bytes}. Pass the file's contents.`);
  if (bytes.length === 0)
    throw new ImagingError("empty_input", "empty image — expected bytes, got none. Check that the file was written completely.");
  if (bytes.length > limits.maxBytes) {
    throw new ImagingError(
      "too_large",
      `image file too large — expected at most ${limits.maxBytes} bytes, got ${bytes.length}. Make it smaller, or raise maxBytes.`,
    );
  }
}

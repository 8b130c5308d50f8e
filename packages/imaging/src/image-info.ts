// What formats say about an image before it is decoded: what every header reader gives, and what the decoders take.

import type { ImageFormat } from "./decoder.js";

/** What a header tells. */
export interface ImageInfo {
  readonly format: ImageFormat;
  /** Stored size in pixels, before the orientation is applied. */
  readonly width: number;
  readonly height: number;
  /** Bits per sample: 1 to 16; 32 and 64 of `values`. */
  readonly bitDepth: number;
  readonly colour: "grey" | "rgb" | "palette" | "cmyk";
  /** An alpha channel or a transparent colour. */
  readonly alpha: boolean;
  /** Frames of an animation, pages of a TIFF; 1 of a GIF, whose first is read. */
  readonly frames: number;
  /** EXIF orientation, 1 (upright) to 8. */
  readonly orientation: number;
  /** Adam7 PNG or progressive JPEG. */
  readonly interlaced: boolean;
  /** Highest sample of 16-bit grey that the file declares, 2^n − 1: PNG's sBIT, TIFF's MaxSampleValue. */
  readonly greyMax?: number;
  /** 16-bit grey whose lowest sample is white: a decoder gives its samples turned over. */
  readonly whiteIsZero?: boolean;
  /** What grey samples are, where it is no shade of 1 to 16 bits without a sign: they are shown in a range that is asked for, or not at all. */
  readonly values?: "signed" | "unsigned" | "float";
  /** TIFF whose blocks are ZSTD: they are unpacked before a decoder sees it. */
  readonly zstd?: true;
  /** What a reader should know. */
  readonly notes?: readonly string[];
}

/** The part of a header that bounds the memory, and a function that reads the rest once the bounds are known to hold. */
export interface HeaderStart extends Pick<ImageInfo, "format" | "width" | "height" | "bitDepth" | "colour"> {
  /** Pixels of the largest block (tile) the decoder allocates at once, where that is not the image itself. */
  readonly blockPixels?: number;
  finish(): Omit<ImageInfo, "format" | "width" | "height" | "bitDepth" | "colour">;
}

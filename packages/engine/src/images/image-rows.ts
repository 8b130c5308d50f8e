// Image sources → rows of bytes ready for an encoder, in order, a few at a time: opened, hashed, decoded and resized, each once.
// A bad image becomes a row that says why; it never stops the others. What is held at once does not depend on how many there are.

import { inOrder } from "@biovlm/files";
import type { DicomFacts, PageFacts, SliceFacts } from "@biovlm/imaging/node";
import { type ImageFailure, imageFailure } from "./image-failure.js";
import type { ImageContent, ImageSource } from "./image-source.js";
import { contentDigest, type Preparation, prepareImage } from "./prepared-image.js";

/** Milliseconds spent on one image. */
export interface RowTimings {
  readonly read: number;
  readonly decode: number;
  readonly preprocess: number;
}

/** An image that is ready for the encoder. */
export interface PixelRow {
  readonly kind: "pixels";
  readonly source: ImageSource;
  /** Of the content, lower-case hex. */
  readonly sha256: string;
  /** [S,S,3], to be normalised by the encoder. */
  readonly rgb: Uint8Array;
  readonly timings: RowTimings;
  /** [side,side,3] bytes, where asked for. */
  readonly thumbnail?: Uint8Array;
  /** Of a DICOM file: frame, window, modality. */
  readonly dicom?: DicomFacts;
  /** Of a volume: slice, plane, window. */
  readonly slice?: SliceFacts;
  /** Of a TIFF of several pages: which. */
  readonly page?: PageFacts;
  /** Of another image: what a reader should know. */
  readonly notes?: readonly string[];
}

/** What became of one source. */
export type ImageRow =
  | PixelRow
  /** `known` said that this content needs no decoding. */
  | { readonly kind: "known"; readonly source: ImageSource; readonly sha256: string; readonly timings: RowTimings }
  | {
      readonly kind: "failed";
      readonly source: ImageSource;
      readonly sha256?: string;
      /** the frame, counted from 1, where it is one frame that failed */
      readonly frame?: number;
      readonly error: ImageFailure;
    };

/** How a walk over image files is read: limits on bytes and pixels, how many at once, a signal. */
export interface RowOptions extends Preparation {
  /** Images in work at once, ≥ 1. Each may hold `maxPixels` · 3 bytes for a moment. */
  readonly concurrency: number;
  readonly signal?: AbortSignal | undefined;
  /** True for content whose row is already known; asked once for each image. */
  readonly known?: (sha256: string) => boolean;
  /** Side of a small copy of each image, for a person to see. */
  readonly thumbnail?: number;
}

/** Rows in the order of `sources`. Rejects with the signal's reason, and for no fault of an image. */
export function imageRows(sources: Iterable<ImageSource>, options: RowOptions): AsyncGenerator<ImageRow, void, undefined> {
  return inOrder(sources, options.concurrency, (source) => imageRow(source, options), options.signal);
}

async function imageRow(source: ImageSource, options: RowOptions): Promise<ImageRow> {
  const { signal } = options;
  let sha256: string | undefined;
  try {
    const t0 = performance.now();
    const content = await source.open();
    sha256 = await contentDigest(content);
    const read = performance.now() - t0;
    if (options.known?.(sha256)) return { kind: "known", source, sha256, timings: { read, decode: 0, preprocess: 0 } };
    return await preparedRow(source, content, sha256, read, options);
  } catch (error) {
    signal?.throwIfAborted();
    const why = imageFailure(error);
    return sha256 === undefined ? { kind: "failed", source, error: why } : { kind: "failed", source, sha256, error: why };
  }
}

/** The row of content that was opened. @throws as `prepareImage` */
export async function preparedRow(
  source: ImageSource,
  content: ImageContent,
  sha256: string,
  read: number,
  options: RowOptions,
): Promise<PixelRow> {
  const { thumbnail: side, signal } = options;
  // a thumbnail is made of the picture itself
  const preparation = side === undefined ? options : { ...options, fast: undefined };
  const { rgb, image, dicom, slice, page, notes, decode, preprocess } = await prepareImage(content, preparation, { signal });
  const timings = { read, decode, preprocess };
  const small = side === undefined || image === undefined ? {} : { thumbnail: options.core.resizeCrop(image, side) };
  const told = {
    ...(dicom === undefined ? {} : { dicom }),
    ...(slice === undefined ? {} : { slice }),
    ...(page === undefined ? {} : { page }),
    ...(notes === undefined ? {} : { notes }),
  };
  return { kind: "pixels", source, sha256, rgb, timings, ...small, ...told };
}

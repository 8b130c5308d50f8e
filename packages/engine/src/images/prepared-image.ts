// An image's content → bytes as the encoder takes them: decoded once, resized once; normalising is the encoder's. Where images come from, and how
// many are prepared at once, is the callers': image-rows.ts for files in order, image-encoder.ts for a server's.

import { createHash, webcrypto } from "node:crypto";
import type { Core, PixelSpec, RgbImage } from "@biovlm/core";
import type { DecodeOptions, DicomFacts, ImageDecoder, PageFacts, SliceFacts } from "@biovlm/imaging/node";
import type { FastImages } from "./fast-images.js";
import { digestParts, type ImageContent, rgbOf } from "./image-source.js";

/** Less than a millisecond's reading. */
const DIGEST_HERE_BYTES = 512 * 1024;

/** What images are prepared with. */
export interface Preparation {
  readonly core: Core;
  readonly decoder: ImageDecoder;
  /** S of the model */
  readonly pixels: Pick<PixelSpec, "size">;
  readonly decode: DecodeOptions;
  /** tried first with files; what it does not take is decoded */
  readonly fast?: FastImages | undefined;
}

/** One image, ready to be encoded. */
export interface PreparedImage {
  /** [S,S,3], to be normalised by the encoder */
  readonly rgb: Uint8Array;
  /** as it was decoded; absent where the fast way took the file */
  readonly image?: RgbImage;
  /** of a DICOM file: frame, window, modality */
  readonly dicom?: DicomFacts;
  /** of a volume: slice, plane, window */
  readonly slice?: SliceFacts;
  /** of a TIFF of several pages: which */
  readonly page?: PageFacts;
  /** of another image: what a reader should know */
  readonly notes?: readonly string[];
  /** milliseconds */
  readonly decode: number;
  /** milliseconds */
  readonly preprocess: number;
}

/**
 * Decodes, resizes and crops.
 * @throws ImagingError of the file, CoreError of its sizes; the signal's reason
 */
export async function prepareImage(
  content: ImageContent,
  { core, decoder, pixels: spec, decode, fast }: Preparation,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<PreparedImage> {
  const from = performance.now();
  if (fast !== undefined && content.kind === "file") {
    const rgb = await fast(content.bytes, decode, spec.size);
    signal?.throwIfAborted();
    // one call did both
    if (rgb !== undefined) return { rgb, decode: performance.now() - from, preprocess: 0 };
  }
  const told: { dicom?: DicomFacts; slice?: SliceFacts; page?: PageFacts; notes?: readonly string[] } = {};
  const image = await rgbOf(content, async (bytes) => {
    const { dicom, slice, page, notes, unsaidRange: _, ...rgb } = await decoder.decode(bytes, decode);
    if (dicom !== undefined) told.dicom = dicom;
    if (slice !== undefined) told.slice = slice;
    if (page !== undefined) told.page = page;
    if (notes !== undefined) told.notes = notes;
    return rgb;
  });
  signal?.throwIfAborted();
  const decoded = performance.now();
  const rgb = core.resizeCrop(image, spec.size);
  return { rgb, image, ...told, decode: decoded - from, preprocess: performance.now() - decoded };
}

/** sha256 of an image's content in hexadecimal. Large ones are read beside this thread; for others the way there and back costs more than the reading. */
export async function contentDigest(content: ImageContent): Promise<string> {
  const parts = digestParts(content);
  const [first] = parts;
  if (first !== undefined && parts.length === 1 && first.length > DIGEST_HERE_BYTES)
    return Buffer.from(await webcrypto.subtle.digest("SHA-256", first)).toString("hex");
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

// Image sources → answers, a batch at a time: rows of pixels, one encoder call for each batch, routing. Order is kept; a bad image is an element.

import type { Core, PixelSpec } from "@biovlm/core";
import { joinedFloats } from "@biovlm/files";
import { type DicomFacts, type PageFacts, type SliceFacts, sharpDecoder } from "@biovlm/imaging/node";
import type { Classification, Classifier, Encoder } from "@biovlm/model";
import type { ImageOptions } from "../options/engine-options.js";
import { usableCpus } from "../process/usable-cpus.js";
import { decodeOptions, frameStep } from "./decode-options.js";
import { encodedImages, NO_ROW } from "./encoded-images.js";
import { fastImages } from "./fast-images.js";
import { frameRows } from "./frame-rows.js";
import type { ImageFailure } from "./image-failure.js";
import { type ImageRow, imageRows, type PixelRow, type RowOptions } from "./image-rows.js";
import type { ImageSource } from "./image-source.js";
import type { Preparation } from "./prepared-image.js";

/** Milliseconds for one image; encode and route are its share of the batch. */
export interface ImageTimings {
  readonly decode: number;
  readonly preprocess: number;
  readonly encode: number;
  readonly route: number;
}

/** An image's answer, or why there is none. */
export type ClassifiedImage =
  | {
      readonly source: ImageSource;
      readonly sha256: string;
      readonly answer: Classification;
      readonly timings: ImageTimings;
      /** of a DICOM file: frame, window, modality */
      readonly dicom?: DicomFacts;
      /** of a volume: slice, plane, window */
      readonly slice?: SliceFacts;
      /** of a TIFF of several pages: which */
      readonly page?: PageFacts;
      /** of another image: what a reader should know */
      readonly notes?: readonly string[];
      /** [side,side,3] bytes, where asked for */
      readonly thumbnail?: Uint8Array;
    }
  | { readonly source: ImageSource; readonly sha256?: string; readonly frame?: number; readonly error: ImageFailure };

/** What images are classified by, and what answers carry beside the prediction. */
export interface ClassifyImagesOptions extends Pick<RowOptions, "thumbnail" | "signal"> {
  readonly core: Core;
  readonly encoder: Encoder;
  readonly classifier: Classifier;
  readonly files: ImageOptions;
  /** every prompt's own answer, too */
  readonly explain: boolean;
  /** images opened and decoded at once; as many as keep the cores busy unless given */
  readonly atOnce?: number;
}

/** How this process prepares images: sharp within the limits, and as many at once as keep the cores busy. */
export function rowPreparation(
  core: Core,
  pixels: Pick<PixelSpec, "size">,
  files: Omit<ImageOptions, "batch">,
): Preparation & Pick<RowOptions, "concurrency"> {
  return { core, pixels, decode: decodeOptions(files), decoder: sharpDecoder(), concurrency: Math.max(2, usableCpus()) * 2 };
}

/**
 * Classifies images in the order of `sources`; where `files.frame` is all or every=K, each of those frames of a DICOM file, slices of a volume or pages of a TIFF. Rejects with the
 * signal's reason, or as the encoder does.
 */
export async function* classifyImages(
  sources: Iterable<ImageSource>,
  options: ClassifyImagesOptions,
): AsyncGenerator<ClassifiedImage, void, undefined> {
  const { core, classifier, files, thumbnail, atOnce, signal } = options;
  let pending: ImageRow[] = [];
  let ready = 0;
  const step = frameStep(files.frame);
  const asked = {
    ...rowPreparation(core, classifier.pixels, step === undefined ? files : { ...files, frame: "middle" }),
    fast: (await fastImages()).prepare,
    signal,
    ...(thumbnail === undefined ? {} : { thumbnail }),
    ...(atOnce === undefined ? {} : { concurrency: atOnce }),
  };
  const rows = step === undefined ? imageRows(sources, asked) : frameRows(sources, step, asked);
  for await (const row of rows) {
    pending.push(row);
    if (row.kind === "pixels") ready++;
    if (ready < files.batch) continue;
    yield* classified(pending, options);
    pending = [];
    ready = 0;
  }
  yield* classified(pending, options);
}

async function* classified(
  rows: readonly ImageRow[],
  { encoder, classifier, explain, signal }: ClassifyImagesOptions,
): AsyncGenerator<ClassifiedImage, void, undefined> {
  const good = rows.filter((row): row is PixelRow => row.kind === "pixels");
  const started = performance.now();
  const rgb = good.map((row) => row.rgb);
  const { data, without } = await encodedImages(encoder, rgb, classifier.pixels, { signal });
  const encoded = performance.now();
  const answers = classifier.classifyEmbeddings(joinedFloats(data), { explain })[Symbol.iterator]();
  const encode = (encoded - started) / Math.max(1, good.length);
  const route = (performance.now() - encoded) / Math.max(1, good.length);
  let place = 0;
  for (const row of rows) {
    if (row.kind === "failed") {
      const { kind: _, ...failure } = row;
      yield failure;
    }
    if (row.kind !== "pixels") continue;
    const { source, sha256, thumbnail, dicom, slice, page, notes, timings } = row;
    if (without.includes(place++)) {
      yield { source, sha256, error: NO_ROW };
      continue;
    }
    const { value: answer } = answers.next() as IteratorYieldResult<Classification>;
    const { decode, preprocess } = timings;
    yield {
      ...{ source, sha256, answer, timings: { decode, preprocess, encode, route } },
      ...(thumbnail === undefined ? {} : { thumbnail }),
      ...(dicom === undefined ? {} : { dicom }),
      ...(slice === undefined ? {} : { slice }),
      ...(page === undefined ? {} : { page }),
      ...(notes === undefined ? {} : { notes }),
    };
  }
}

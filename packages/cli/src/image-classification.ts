// Files → answers, a batch at a time: rows of pixels from disk, one encoder call per batch, routing. Order is kept; a bad file is an element.

import { availableParallelism } from "node:os";
import type { PixelSpec } from "@biovlm/core";
import { sharpDecoder } from "@biovlm/imaging/node";
import type { Classification, Classifier } from "@biovlm/model";
import type { ImageFile } from "./image-files.js";
import type { ImageOptions } from "./image-options.js";
import { type ImageRow, imageRows, type RowOptions } from "./image-rows.js";
import type { Runtime } from "./opening.js";

/** Milliseconds for one image; encode is its share of the batch. */
export interface ImageTimings {
  readonly decode: number;
  readonly preprocess: number;
  readonly encode: number;
  readonly route: number;
}

export type ClassifiedFile =
  | { readonly file: ImageFile; readonly sha256: string; readonly answer: Classification; readonly timings: ImageTimings }
  | { readonly file: ImageFile; readonly sha256?: string; readonly error: { readonly code: string; readonly message: string } };

/** How rows are read with these options; `pixels` is the classifier's, or `pixelSpec` of the model. */
export function rowOptions(runtime: Runtime, pixels: PixelSpec, options: ImageOptions, signal?: AbortSignal): RowOptions {
  return {
    core: runtime.core,
    decoder: sharpDecoder(),
    pixels,
    decode: { exif: options.exif, maxBytes: options.maxBytes, maxPixels: options.maxPixels },
    concurrency: Math.max(2, availableParallelism()) * 2,
    ...(signal === undefined ? {} : { signal }),
  };
}

/** Classifies files in order. */
export async function* classifyFiles(
  files: Iterable<ImageFile>,
  runtime: Runtime,
  classifier: Classifier,
  options: ImageOptions & { readonly explain: boolean },
  signal?: AbortSignal,
): AsyncGenerator<ClassifiedFile, void, undefined> {
  let pending: ImageRow[] = [];
  const rows = rowOptions(runtime, classifier.pixels, options, signal);
  for await (const row of imageRows(files, rows)) {
    pending.push(row);
    if (pending.filter((r) => r.kind === "pixels").length < options.batch) continue;
    yield* classified(pending, runtime, classifier, options.explain, signal);
    pending = [];
  }
  yield* classified(pending, runtime, classifier, options.explain, signal);
}

async function* classified(
  rows: readonly ImageRow[],
  runtime: Runtime,
  classifier: Classifier,
  explain: boolean,
  signal?: AbortSignal,
): AsyncGenerator<ClassifiedFile, void, undefined> {
  const good = rows.filter((r) => r.kind === "pixels");
  const length = 3 * runtime.model.spec.vision.imageSize ** 2;
  const pixels = new Float32Array(good.length * length);
  for (const [i, row] of good.entries()) pixels.set(row.pixels, i * length);
  const started = performance.now();
  const { data } = await runtime.encoder.encodeImages(pixels, good.length, signal === undefined ? {} : { signal });
  const encoded = performance.now();
  const answers = classifier.classifyEmbeddings(data, { explain });
  const encode = (encoded - started) / Math.max(1, good.length);
  const route = (performance.now() - encoded) / Math.max(1, good.length);
  let next = 0;
  for (const row of rows) {
    if (row.kind === "failed") yield { file: row.file, error: row.error, ...(row.sha256 === undefined ? {} : { sha256: row.sha256 }) };
    else if (row.kind === "pixels") {
      const { decode, preprocess } = row.timings;
      yield { file: row.file, sha256: row.sha256, answer: answers[next++]!, timings: { decode, preprocess, encode, route } };
    }
  }
}

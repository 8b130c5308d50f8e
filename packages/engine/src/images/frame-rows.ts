// Image sources → rows of pixels, a row for each frame that was asked for: files in order, several opened at once; of a file with frames one is
// decoded when its row is asked for, so that a long cine takes no more memory than a short one.

import { inOrder } from "@biovlm/files";
import type { DecodedImage } from "@biovlm/imaging/node";
import { imageFailure } from "./image-failure.js";
import { type ImageRow, preparedRow, type RowOptions } from "./image-rows.js";
import type { ImageSource } from "./image-source.js";
import { contentDigest } from "./prepared-image.js";

/** A source that was opened: its one row, or its rows one after another. */
type OpenedRows = { readonly row: ImageRow } | { readonly rows: AsyncGenerator<ImageRow, void, undefined> };

/**
 * Rows of frames 1, 1 + step, 1 + 2·step, … of each source, in order; of an image without frames its one row.
 * A frame that cannot be read is a row that says why. Rejects with the signal's reason, and for no fault of an image.
 */
export async function* frameRows(
  sources: Iterable<ImageSource>,
  step: number,
  options: RowOptions,
): AsyncGenerator<ImageRow, void, undefined> {
  for await (const opened of inOrder(sources, options.concurrency, (source) => openedRows(source, step, options), options.signal)) {
    if ("row" in opened) yield opened.row;
    else yield* opened.rows;
  }
}

async function openedRows(source: ImageSource, step: number, options: RowOptions): Promise<OpenedRows> {
  const { signal, decoder, decode } = options;
  let sha256: string | undefined;
  try {
    const started = performance.now();
    const content = await source.open();
    const digest = await contentDigest(content);
    sha256 = digest;
    const read = performance.now() - started;
    if (content.kind !== "file") return { row: await preparedRow(source, content, digest, read, options) };
    const stack = await decoder.open(content.bytes, decode);
    const how = stack.windowed ? { window: decode.window } : {};
    const rowOf = (index: number) => {
      const one = { ...decoder, decode: (): Promise<DecodedImage> => stack.frame(index, how) };
      return preparedRow(source, content, digest, read, { ...options, decoder: one, fast: undefined });
    };
    if (stack.frames === 1) return { row: await rowOf(0) };
    return { rows: everyRow(source, digest, stack.frames, step, rowOf, signal) };
  } catch (error) {
    signal?.throwIfAborted();
    return { row: { kind: "failed", source, error: imageFailure(error), ...(sha256 === undefined ? {} : { sha256 }) } };
  }
}

async function* everyRow(
  source: ImageSource,
  sha256: string,
  frames: number,
  step: number,
  rowOf: (index: number) => Promise<ImageRow>,
  signal: AbortSignal | undefined,
): AsyncGenerator<ImageRow, void, undefined> {
  for (let index = 0; index < frames; index += step) {
    signal?.throwIfAborted();
    try {
      yield await rowOf(index);
    } catch (error) {
      signal?.throwIfAborted();
      yield { kind: "failed", source, sha256, frame: index + 1, error: imageFailure(error) };
    }
  }
}

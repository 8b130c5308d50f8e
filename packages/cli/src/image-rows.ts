// Files → rows of pixels ready for an encoder, in order, a few at a time: read, hash, decode, resize and normalise.
// A bad file becomes a row that says why; it never stops the others. What is held at once does not depend on how many files there are.

import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import type { Core, PixelSpec, RgbImage } from "@biovlm/core";
import type { DecodeOptions, ImageDecoder } from "@biovlm/imaging";
import { CliError, reportError } from "./errors.js";
import { EXIT } from "./exit-codes.js";
import type { ImageFile } from "./image-files.js";

/** Milliseconds spent on one image. */
export interface RowTimings {
  readonly read: number;
  readonly decode: number;
  readonly preprocess: number;
}

export type ImageRow =
  | {
      readonly kind: "pixels";
      readonly file: ImageFile;
      /** Of the file's bytes, lower-case hex. */
      readonly sha256: string;
      /** [3,S,S] normalised. */
      readonly pixels: Float32Array;
      readonly timings: RowTimings;
      /** Present when asked for with `keepImage`. */
      readonly image?: RgbImage;
    }
  /** `known` said that this content needs no decoding. */
  | { readonly kind: "known"; readonly file: ImageFile; readonly sha256: string; readonly timings: RowTimings }
  | {
      readonly kind: "failed";
      readonly file: ImageFile;
      readonly sha256?: string;
      readonly error: { readonly code: string; readonly message: string };
    };

export interface RowOptions {
  readonly core: Core;
  readonly decoder: ImageDecoder;
  readonly pixels: PixelSpec;
  readonly decode: DecodeOptions & { readonly maxBytes: number };
  /** Images in work at once. Each may hold `maxPixels` · 3 bytes for a moment. */
  readonly concurrency: number;
  readonly signal?: AbortSignal | undefined;
  /** True for content whose row is already known; asked once per file, in order of reading. */
  readonly known?: (sha256: string) => boolean;
  readonly keepImage?: boolean;
}

/** Rows in the order of `files`. Aborts with the signal's reason. */
export async function* imageRows(files: Iterable<ImageFile>, options: RowOptions): AsyncGenerator<ImageRow, void, undefined> {
  const window: Promise<ImageRow>[] = [];
  try {
    for (const file of files) {
      options.signal?.throwIfAborted();
      const row = imageRow(file, options);
      // It may reject (an abort) while an earlier row is awaited; the loop meets it in its turn.
      row.catch(() => {});
      window.push(row);
      if (window.length >= options.concurrency) yield await window.shift()!;
    }
    while (window.length > 0) yield await window.shift()!;
  } finally {
    // The reader left early, or a signal came: let what is in work end before memory and files are let go.
    await Promise.allSettled(window);
  }
}

/** One file. Rejects only for faults that are not the file's, such as an abort. */
export async function imageRow(file: ImageFile, options: RowOptions): Promise<ImageRow> {
  let sha256: string | undefined;
  try {
    const t0 = performance.now();
    const bytes = await readWithin(file.path, options.decode.maxBytes);
    sha256 = createHash("sha256").update(bytes).digest("hex");
    const t1 = performance.now();
    if (options.known?.(sha256)) return { kind: "known", file, sha256, timings: { read: t1 - t0, decode: 0, preprocess: 0 } };
    const image = await options.decoder.decode(bytes, options.decode);
    options.signal?.throwIfAborted();
    const t2 = performance.now();
    const pixels = options.core.preprocess(image, options.pixels);
    const timings = { read: t1 - t0, decode: t2 - t1, preprocess: performance.now() - t2 };
    return { kind: "pixels", file, sha256, pixels, timings, ...(options.keepImage ? { image } : {}) };
  } catch (error) {
    options.signal?.throwIfAborted();
    const { code, message } = reportError(error);
    const report = { code, message: code === "not_found" ? "no such file" : message };
    return sha256 === undefined ? { kind: "failed", file, error: report } : { kind: "failed", file, sha256, error: report };
  }
}

/**
 * The bytes of a regular file that is no larger than `limit`.
 * @throws CliError `not_a_file`, `too_large`, or the system's error
 */
export async function readWithin(path: string, limit: number): Promise<Uint8Array> {
  // Non-blocking, so that a pipe without a writer cannot hang the open.
  const handle = await open(path, NON_BLOCKING);
  try {
    const info = await handle.stat();
    if (!info.isFile()) {
      const what = info.isDirectory() ? "a folder" : "a device, pipe or socket";
      throw new CliError("not_a_file", EXIT.failure, `not a file — expected an image file, got ${what}`);
    }
    if (info.size > limit) {
      throw new CliError(
        "too_large",
        EXIT.failure,
        `file too large — expected at most ${limit} bytes, got ${info.size}. Raise --max-bytes.`,
      );
    }
    const bytes = new Uint8Array(info.size);
    let at = 0;
    while (at < bytes.length) {
      const { bytesRead } = await handle.read(bytes, at, bytes.length - at, at);
      if (bytesRead === 0) break;
      at += bytesRead;
    }
    return at === bytes.length ? bytes : bytes.subarray(0, at);
  } finally {
    await handle.close();
  }
}

// O_NONBLOCK is undefined on Windows, which has no such pipes.
const NON_BLOCKING = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

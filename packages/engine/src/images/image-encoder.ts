// Image files → embedding rows, where the pixels are: the native way prepares them, or sharp on its threads and the core; the encoder runs on all
// that is ready. A file that cannot be read is an element with a code; the others go on. Used by the child process and by the in-process mode.

import type { Core } from "@biovlm/core";
import { readImageInfo, sharpDecoder } from "@biovlm/imaging/node";
import type { Encoder, Model } from "@biovlm/model";
import { type Batched, Batcher } from "../batch/batcher.js";
import type { EncodedBatch, EncodedImage, ImageFacts, ImageLimits } from "../contract/encoding.js";
import { encodedImages, rowsInPlace } from "./encoded-images.js";
import { encodingFailure } from "./encoding-failure.js";
import type { FastImages } from "./fast-images.js";
import { frameReader, type ReadFrames } from "./frame-reader.js";
import { contentDigest, type Preparation, prepareImage } from "./prepared-image.js";
import { nothingSpent, type Spent } from "./spent.js";
import { Turns } from "./turns.js";

/** A decoder that takes longer than this is stuck on a file made for that. */
const DECODE_MS = 10_000;
/** Files in the decoder at once, for each of its threads: they stay busy while this one is on the device, and no file's time runs out before its turn. */
const DECODES_PER_THREAD = 2;
/** Pixels that a turn stands for, at 8 bits: a larger image takes several, so that the largest are decoded one after another. */
const TURN_PIXELS = 8_000_000;
/** Longest wait for images that are being decoded while the device is free, milliseconds: two to eight at once cost less each than one. */
const GATHER_MS = 4;

/** For who sends an image, and has no say in the device. */
const NOTHING_OF_IT = {
  code: "bad_output",
  message: "image — expected one that the device makes numbers of, got NaN, infinity or zeros. Send it again, or another.",
} as const;

/** How images meet on the device. */
export interface Batching {
  /** images encoded at once */
  readonly maxBatch: number;
  /** longest wait for a batch to fill, milliseconds */
  readonly maxQueueDelayMs: number;
}

export interface ImageEncoderOptions extends Batching {
  readonly core: Core;
  readonly model: Pick<Model, "spec">;
  readonly encoder: Encoder;
  readonly limits: ImageLimits;
  /** tried first; what it does not take is decoded by sharp */
  readonly fast?: FastImages | undefined;
}

/** Decoder threads of a process: libuv's, of which Node has four unless the environment says. */
export function decoderThreads(otherwise = 4): number {
  return Number(process.env["UV_THREADPOOL_SIZE"]) || otherwise;
}

/** Images a process takes: one batch on the device, another being made ready. */
export function imageWindow(maxBatch: number, threads: number): number {
  return Math.max(DECODES_PER_THREAD * threads, 2 * maxBatch);
}

/** Both reject as the encoder does. A file that cannot be read does not reject. */
export interface ImageEncoder {
  files(files: readonly Uint8Array[]): Promise<Omit<EncodedBatch, "device" | "fellBack">>;
  /** frame by frame, in order; rejects with the signal's reason, too */
  readonly stack: ReadFrames;
}

interface Encoded {
  /** undefined where the device makes no numbers of the image, and does of others */
  readonly row: Float32Array | undefined;
  /** milliseconds, this image's share of its run */
  readonly encode: number;
  /** the run's images, said by its first */
  readonly run?: number;
}

/** One lane of pictures: made as they come, then encoded with whatever is ready. */
function pictureLane({ core, model, encoder, limits, fast, maxBatch, maxQueueDelayMs }: ImageEncoderOptions) {
  const { mean, std, embedDim: D } = model.spec;
  const size = model.spec.vision.imageSize;
  const length = 3 * size * size;
  const preparation = {
    core,
    decoder: sharpDecoder({ concurrency: 1 }),
    pixels: { size },
    decode: { ...limits, timeoutMs: DECODE_MS },
    fast,
  };
  const decodes = new Turns(DECODES_PER_THREAD * decoderThreads());
  const joined = joiner(length);
  const lane = new Batcher<Uint8Array, Encoded>(
    {
      maxBatch,
      maxQueueDelayMs,
      maxQueue: Number.MAX_SAFE_INTEGER,
      slots: () => 1,
      gatherMs: GATHER_MS,
      coming: () => decodes.taken,
    },
    async (ready) => {
      const n = ready.length;
      const from = performance.now();
      const made = await encodedImages(encoder, ready, { mean, std }, { joined });
      const encode = (performance.now() - from) / n;
      return rowsInPlace(made, n, D).map((row, i): Encoded => ({ row, encode, ...(i === 0 ? { run: n } : {}) }));
    },
  );

  /** Waits for a turn, then decodes into bytes of the model's size. */
  async function prepared(bytes: Uint8Array, how: Preparation = preparation) {
    const asked = performance.now();
    const weight = await decodes.take(turnsOf(bytes, limits));
    const from = performance.now();
    try {
      const { rgb, decode, preprocess, dicom, slice, page, notes } = await prepareImage({ kind: "file", bytes }, how);
      const facts: ImageFacts = {
        ...(dicom !== undefined && { dicom }),
        ...(slice !== undefined && { slice }),
        ...(page !== undefined && { page }),
        ...(notes !== undefined && { notes }),
      };
      return { rgb, facts, wait: from - asked, decode, preprocess };
    } catch (error) {
      return { error: encodingFailure(error), wait: from - asked, decode: performance.now() - from, preprocess: 0 };
    } finally {
      decodes.give(weight);
    }
  }

  /** A prepared picture's row; what it took is added to `spent`. */
  async function encoded(
    made: Awaited<ReturnType<typeof prepared>>,
    sha256: string | Promise<string>,
    spent: Spent,
  ): Promise<EncodedImage> {
    const { timings, runs } = spent;
    timings.decode += made.decode;
    timings.preprocess += made.preprocess;
    timings.wait = Math.max(timings.wait, made.wait);
    if (made.rgb === undefined) {
      lane.nudge();
      return { sha256: await sha256, error: made.error };
    }
    const [{ value, queueMs }] = (await lane.submit([made.rgb])) as [Batched<Encoded>];
    timings.encode += value.encode;
    timings.wait = Math.max(timings.wait, made.wait + queueMs);
    if (value.run !== undefined) runs.push(value.run);
    if (value.row === undefined) return { sha256: await sha256, error: NOTHING_OF_IT };
    return { sha256: await sha256, row: value.row, ...made.facts };
  }

  return { preparation, prepared, encoded };
}

/**
 * Files of all calls are decoded as they come and meet before the encoder: one run takes what is ready.
 * @param options.encoder runs once at a time
 */
export function imageEncoder(options: ImageEncoderOptions): ImageEncoder {
  const lane = pictureLane(options);
  return {
    async files(files) {
      const spent = nothingSpent();
      const images = await Promise.all(
        files.map(async (bytes) => {
          const sha256 = contentDigest({ kind: "file", bytes });
          return lane.encoded(await lane.prepared(bytes), sha256, spent);
        }),
      );
      return { images, ...spent };
    },
    stack: frameReader(lane, options.maxBatch),
  };
}

/** Rows of `length` bytes one after another, valid until the next call: a lone one as it is, several in memory that is kept. */
function joiner(length: number): (rows: readonly Uint8Array[]) => Uint8Array {
  let kept = new Uint8Array(0);
  return (rows) => {
    const [first] = rows;
    if (first !== undefined && rows.length === 1) return first;
    if (kept.length < rows.length * length) kept = new Uint8Array(rows.length * length);
    for (const [i, row] of rows.entries()) kept.set(row, i * length);
    return kept.subarray(0, rows.length * length);
  };
}

/** Turns that decoding an image takes: by its pixels, where its header says them, else by its bytes. Never throws. */
function turnsOf(bytes: Uint8Array, { maxBytes, maxPixels, range }: ImageLimits): number {
  try {
    const { width, height, bitDepth } = readImageInfo(bytes, { maxBytes, maxPixels, ...(range === undefined ? {} : { range }) });
    return Math.ceil((width * height * (bitDepth > 8 ? 2 : 1)) / TURN_PIXELS);
  } catch {
    // DICOM, volumes, pages; and what is refused in a moment
    return Math.ceil(bytes.length / TURN_PIXELS);
  }
}

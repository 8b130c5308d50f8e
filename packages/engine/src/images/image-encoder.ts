// Image files → embedding rows, where the pixels are: the native way prepares them, or sharp on its threads and the core; the encoder runs on all
// that is ready. A file that cannot be read is an element with a code; the others go on. Used by the child process and by the in-process mode.

import type { Core } from "@biovlm/core";
import { atEdge } from "@biovlm/files";
import { ImagingError, type ImagingErrorCode, sharpDecoder } from "@biovlm/imaging/node";
import type { Encoder, Model } from "@biovlm/model";
import { encodeRgb } from "@biovlm/model/backend";
import { type Batched, Batcher } from "../batch/batcher.js";
import type { EncodedBatch, EncodedImage, ImageFacts, ImageLimits } from "../contract/encoding.js";
import type { EngineErrorCode } from "../contract/errors.js";
import { SERVED_WORDS } from "../options/edge-words.js";
import type { FastImages } from "./fast-images.js";
import { contentDigest, prepareImage } from "./prepared-image.js";

const CODES: Readonly<Record<ImagingErrorCode, EngineErrorCode>> = {
  empty_input: "unreadable_image",
  too_large: "payload_too_large",
  too_many_frames: "unsupported_format",
  unsupported_format: "unsupported_format",
  not_an_image: "unsupported_format",
  corrupt_image: "unreadable_image",
  timeout: "unreadable_image",
  bad_option: "internal",
  decoder_unavailable: "unsupported_format",
};
/** A decoder that takes longer than this is stuck on a file made for that. */
const DECODE_MS = 10_000;
/** Files in the decoder at once, for each of its threads: they stay busy while this one is on the device, and no file's time runs out before its turn. */
const DECODES_PER_THREAD = 2;
/** Longest wait for images that are being decoded while the device is free, milliseconds: two to eight at once cost less each than one. */
const GATHER_MS = 4;

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

/** Encodes files; rejects as the encoder does. A file that cannot be read does not reject. */
export type ImageEncoder = (files: readonly Uint8Array[]) => Promise<Omit<EncodedBatch, "device" | "fellBack">>;

interface Encoded {
  readonly row: Float32Array;
  /** milliseconds, this image's share of its run */
  readonly encode: number;
  /** the run's images, said by its first */
  readonly run?: number;
}

/**
 * Files of all calls are decoded as they come and meet before the encoder: one run takes what is ready.
 * @param options.encoder runs once at a time
 */
export function imageEncoder({ core, model, encoder, limits, fast, maxBatch, maxQueueDelayMs }: ImageEncoderOptions): ImageEncoder {
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
      const { data } = await encodeRgb(encoder, joined(ready), n, { mean, std });
      const encode = (performance.now() - from) / n;
      return ready.map((_, i): Encoded => ({ row: data.slice(i * D, (i + 1) * D), encode, ...(i === 0 ? { run: n } : {}) }));
    },
  );

  /** Waits for a turn, then decodes into bytes of the model's size. */
  async function prepared(bytes: Uint8Array) {
    const asked = performance.now();
    await decodes.take();
    const from = performance.now();
    try {
      const { rgb, decode, preprocess, dicom, slice, notes } = await prepareImage({ kind: "file", bytes }, preparation);
      const facts: ImageFacts = {
        ...(dicom !== undefined && { dicom }),
        ...(slice !== undefined && { slice }),
        ...(notes !== undefined && { notes }),
      };
      return { rgb, facts, wait: from - asked, decode, preprocess };
    } catch (error) {
      return { error: imageError(error), wait: from - asked, decode: performance.now() - from, preprocess: 0 };
    } finally {
      decodes.give();
    }
  }

  return async (files) => {
    const timings = { wait: 0, decode: 0, preprocess: 0, encode: 0 };
    const runs: number[] = [];
    const images = await Promise.all(
      files.map(async (bytes): Promise<EncodedImage> => {
        const sha256 = contentDigest({ kind: "file", bytes });
        const { wait, decode, preprocess, ...made } = await prepared(bytes);
        timings.decode += decode;
        timings.preprocess += preprocess;
        timings.wait = Math.max(timings.wait, wait);
        if (made.rgb === undefined) {
          lane.nudge();
          return { sha256: await sha256, error: made.error };
        }
        const [{ value, queueMs }] = (await lane.submit([made.rgb])) as [Batched<Encoded>];
        timings.encode += value.encode;
        timings.wait = Math.max(timings.wait, wait + queueMs);
        if (value.run !== undefined) runs.push(value.run);
        return { sha256: await sha256, row: value.row, ...made.facts };
      }),
    );
    return { images, timings, runs };
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

/** So many at once; the others in order of asking. */
class Turns {
  private free: number;
  private readonly all: number;
  private readonly waiting: (() => void)[] = [];

  constructor(all: number) {
    this.all = all;
    this.free = all;
  }

  get taken(): number {
    return this.all - this.free;
  }

  take(): Promise<void> {
    if (this.free === 0) return new Promise((resolve) => this.waiting.push(resolve));
    this.free--;
    return Promise.resolve();
  }

  give(): void {
    const next = this.waiting.shift();
    if (next === undefined) this.free++;
    else next();
  }
}

function imageError(error: unknown): { code: EngineErrorCode; message: string } {
  if (error instanceof ImagingError) return { code: CODES[error.code], message: atEdge(error.message, SERVED_WORDS) };
  return { code: "unreadable_image", message: "image — expected pixels that can be resized, got none. Check the file." };
}

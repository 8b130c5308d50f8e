// Image files → embedding rows, where the pixels are: the native way prepares them, or sharp on its threads and the core; the encoder runs on all
// that is ready. A file that cannot be read is an element with a code; the others go on. Used by the child process and by the in-process mode.

import type { Core } from "@biovlm/core";
import { atEdge } from "@biovlm/files";
import { ImagingError, type ImagingErrorCode, readImageInfo, sharpDecoder } from "@biovlm/imaging/node";
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
/** Pixels that a turn stands for, at 8 bits: a larger image takes several, so that the largest are decoded one after another. */
const TURN_PIXELS = 8_000_000;
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
    const weight = await decodes.take(turnsOf(bytes, limits));
    const from = performance.now();
    try {
      const { rgb, decode, preprocess, dicom, slice, page, notes } = await prepareImage({ kind: "file", bytes }, preparation);
      const facts: ImageFacts = {
        ...(dicom !== undefined && { dicom }),
        ...(slice !== undefined && { slice }),
        ...(page !== undefined && { page }),
        ...(notes !== undefined && { notes }),
      };
      return { rgb, facts, wait: from - asked, decode, preprocess };
    } catch (error) {
      return { error: imageError(error), wait: from - asked, decode: performance.now() - from, preprocess: 0 };
    } finally {
      decodes.give(weight);
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

/** So many turns at once; who waits, in order of asking. What asks for more than there are takes all. */
class Turns {
  private free: number;
  private readonly all: number;
  private readonly waiting: { readonly weight: number; readonly go: () => void }[] = [];
  /** who has one or several */
  taken = 0;

  constructor(all: number) {
    this.all = all;
    this.free = all;
  }

  /** @returns what was taken */
  async take(asked: number): Promise<number> {
    const weight = Math.min(this.all, Math.max(1, asked));
    if (this.waiting.length > 0 || this.free < weight) await new Promise<void>((go) => this.waiting.push({ weight, go }));
    else this.start(weight);
    return weight;
  }

  give(weight: number): void {
    this.free += weight;
    this.taken--;
    for (let [next] = this.waiting; next !== undefined && next.weight <= this.free; [next] = this.waiting) {
      this.waiting.shift();
      this.start(next.weight);
      next.go();
    }
  }

  private start(weight: number): void {
    this.free -= weight;
    this.taken++;
  }
}

function imageError(error: unknown): { code: EngineErrorCode; message: string } {
  if (error instanceof ImagingError) return { code: CODES[error.code], message: atEdge(error.message, SERVED_WORDS) };
  return { code: "unreadable_image", message: "image — expected pixels that can be resized, got none. Check the file." };
}

// One loaded model at work: a bounded queue in front of its encoding (a pool, or this process). Images pass one by one and meet again on the
// device. Several served names may share a host.

import type { Core } from "@biovlm/core";
import { present } from "@biovlm/files";
import type { Encoder, Model } from "@biovlm/model";
import { Batcher, type Submission } from "./batch/batcher.js";
import type {
  EncodedBatch,
  EncodedImage,
  EncodedStack,
  Encoding,
  EncodingEvent,
  ImageLimits,
  StackAsk,
  StackCall,
} from "./contract/encoding.js";
import type { Batching } from "./images/image-encoder.js";
import { computedStore } from "./open/computed-store.js";
import { textTower, withKeptTexts } from "./open/kept-texts.js";
import { openModel } from "./open/model.js";
import type { OpeningSpec } from "./open/opening-spec.js";
import { EncoderPool, type PoolOptions } from "./pool/encoder-pool.js";
import { encodeInProcess } from "./pool/in-process.js";

export interface HostOptions extends Batching {
  /** images that may wait; more are refused */
  readonly maxQueue: number;
  readonly spec: OpeningSpec;
  readonly core: Core;
  readonly limits: ImageLimits;
  /** child processes; 0 encodes in this process */
  readonly pool: number;
  readonly poolOptions?: Pick<
    PoolOptions,
    "entry" | "jobMs" | "openMs" | "recycleRuns" | "recycleRss" | "downMs" | "backOffMs" | "breakAfter"
  >;
  readonly onEvent: (event: EncodingEvent) => void;
  /** a run of the encoder, with its images */
  readonly onRun: (images: number) => void;
}

/** Images of one call, in order, and where and how long they were worked on (milliseconds: the longest wait, shares of batches). */
export interface HostAnswer {
  readonly images: readonly EncodedImage[];
  readonly device: string;
  readonly fellBack: boolean;
  readonly timings: { readonly queue: number; readonly decode: number; readonly preprocess: number; readonly encode: number };
}

/** A file whose frames were asked for, and where and how long it was worked on. */
export type HostStack = Pick<EncodedStack, "sha256" | "frames" | "images" | "place"> & Omit<HostAnswer, "images">;

/** A file that waits for its frames to be read. */
interface WaitingStack extends StackCall {
  readonly file: Uint8Array;
  readonly ask: StackAsk;
}

interface Placed {
  readonly image: EncodedImage;
  readonly device: string;
  readonly fellBack: boolean;
  readonly timings: EncodedBatch["timings"];
}

export interface ModelHost {
  readonly model: Model;
  readonly encoding: Encoding;
  readonly queue: Batcher<Uint8Array, Placed>;
  /** For the sentences of banks: their embeddings are kept in the cache folder. Never for texts that a caller sent. Once the encoding was started. */
  sentenceEncoder(): Promise<Encoder>;
  encode(files: readonly Uint8Array[], submission: Submission): Promise<HostAnswer>;
  /** One file frame by frame. It waits among others of its kind, which leave room for single images; once nobody waits for it, it ends. */
  encodeStack(file: Uint8Array, ask: StackAsk, submission: Submission & Pick<StackCall, "onFrames">): Promise<HostStack>;
  /** images and files of frames that wait */
  waiting(): number;
  close(graceMs: number): Promise<void>;
}

/** Loads the model and makes its encoding; `host.encoding.start()` opens the device and warms up. */
export async function openHost(options: HostOptions): Promise<ModelHost> {
  const { spec, core, limits, pool, poolOptions, onEvent, onRun, maxBatch, maxQueueDelayMs, maxQueue } = options;
  const batching = { maxBatch, maxQueueDelayMs };
  const store = computedStore(spec.maxCacheBytes);
  const opened = await openModel(spec, store);
  const { model } = opened;
  let encoding: Encoding;
  try {
    encoding =
      pool > 0
        ? new EncoderPool({ spec, limits, ...batching, size: pool, onEvent, ...poolOptions })
        : await encodeInProcess({ spec, core, model, limits, ...batching, onEvent });
  } catch (error) {
    opened.close();
    throw error;
  }
  const queue = new Batcher<Uint8Array, Placed>(
    { maxBatch: 1, maxQueueDelayMs: 0, maxQueue, slots: () => encoding.window() },
    async (files) => {
      const { images, device, fellBack, timings, runs } = await encoding.encodeFiles(files);
      for (const run of runs) onRun(run);
      return images.map((image) => ({ image, device, fellBack, timings }));
    },
  );
  const stacks = new Batcher<WaitingStack, Awaited<ReturnType<Encoding["encodeStack"]>>>(
    { maxBatch: 1, maxQueueDelayMs: 0, maxQueue, slots: () => Math.max(1, Math.floor(encoding.window() / 2)) },
    async (files) => {
      const done = await Promise.all(files.map(({ file, ask, ...call }) => encoding.encodeStack(file, ask, call)));
      for (const run of done.flatMap(({ runs }) => runs)) onRun(run);
      return done;
    },
  );
  let closing: Promise<void> | undefined;
  return {
    model,
    encoding,
    queue,
    async sentenceEncoder() {
      return withKeptTexts(encoding.encoder, await textTower(model, encoding.detail()), store);
    },
    async encode(files, submission) {
      const placed = await queue.submit(files, submission);
      const sum = (part: keyof Placed["timings"]) => placed.reduce((total, p) => total + p.value.timings[part], 0);
      return {
        images: placed.map((p) => p.value.image),
        device: placed[0]?.value.device ?? encoding.status().device,
        fellBack: placed.some((p) => p.value.fellBack),
        timings: {
          queue: Math.max(0, ...placed.map((p) => p.queueMs + p.value.timings.wait)),
          decode: sum("decode"),
          preprocess: sum("preprocess"),
          encode: sum("encode"),
        },
      };
    },
    async encodeStack(file, ask, { onFrames, ...submission }) {
      const stop = new AbortController();
      const waiting = { file, ask, signal: stop.signal, ...(onFrames === undefined ? {} : { onFrames }) };
      try {
        const [placed] = await stacks.submit([waiting], submission);
        const { value, queueMs } = present(placed, "answer to a file");
        const { timings, runs: _, ...stack } = value;
        const { wait, ...spent } = timings;
        return { ...stack, timings: { queue: queueMs + wait, ...spent } };
      } finally {
        // answered, late or left: nothing goes on for it
        stop.abort(new Error("nobody waits for it"));
      }
    },
    waiting: () => queue.depth + stacks.depth,
    close(graceMs) {
      closing ??= (async () => {
        await Promise.all([queue.close(graceMs), stacks.close(graceMs)]);
        await encoding.close();
        opened.close();
      })();
      return closing;
    },
  };
}

// One loaded model at work: its encoding (a pool, or this process) behind a batcher. Several served names may share a host.

import type { Core } from "@biovlm/core";
import type { Model } from "@biovlm/model";
import { Batcher, type BatcherOptions, type Submission } from "./batcher.js";
import type { EncodedImage, Encoding, EncodingEvent, ImageLimits } from "./encoding.js";
import { encodeInProcess } from "./in-process.js";
import { type OpeningSpec, openModel } from "./opening.js";
import { EncoderPool, type PoolOptions } from "./pool/encoder-pool.js";

export interface HostOptions extends Omit<BatcherOptions, "slots"> {
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
  readonly onBatch: (size: number, timings: { readonly decode: number; readonly preprocess: number; readonly encode: number }) => void;
}

/** Images of one call, in order, and where and how long they were worked on (milliseconds: the longest wait, shares of batches). */
export interface HostAnswer {
  readonly images: readonly EncodedImage[];
  readonly device: string;
  readonly fellBack: boolean;
  readonly timings: { readonly queue: number; readonly decode: number; readonly preprocess: number; readonly encode: number };
}

interface Placed {
  readonly image: EncodedImage;
  readonly device: string;
  readonly fellBack: boolean;
  readonly share: { readonly decode: number; readonly preprocess: number; readonly encode: number };
}

export interface ModelHost {
  readonly model: Model;
  readonly encoding: Encoding;
  readonly batcher: Batcher<Uint8Array, Placed>;
  encode(files: readonly Uint8Array[], submission: Submission): Promise<HostAnswer>;
  close(graceMs: number): Promise<void>;
}

/** Loads the model and makes its encoding; `host.encoding.start()` opens the device and warms up. */
export async function openHost(options: HostOptions): Promise<ModelHost> {
  const { spec, core, limits, pool, poolOptions, onEvent, onBatch } = options;
  const opened = await openModel(spec);
  const { model } = opened;
  let encoding: Encoding;
  try {
    encoding =
      pool > 0
        ? new EncoderPool({ spec, limits, size: pool, onEvent, ...poolOptions })
        : await encodeInProcess({ spec, core, model, limits, onEvent });
  } catch (error) {
    opened.close();
    throw error;
  }
  const batcher = new Batcher<Uint8Array, Placed>({ ...options, slots: () => encoding.slots() }, async (files) => {
    const { images, device, fellBack, timings } = await encoding.encodeFiles(files);
    onBatch(files.length, timings);
    const n = files.length;
    const share = { decode: timings.decode / n, preprocess: timings.preprocess / n, encode: timings.encode / n };
    return images.map((image) => ({ image, device, fellBack, share }));
  });
  let closing: Promise<void> | undefined;
  return {
    model,
    encoding,
    batcher,
    async encode(files, submission) {
      const placed = await batcher.submit(files, submission);
      const sum = (part: keyof Placed["share"]) => placed.reduce((total, p) => total + p.value.share[part], 0);
      return {
        images: placed.map((p) => p.value.image),
        device: placed[0]?.value.device ?? encoding.status().device,
        fellBack: placed.some((p) => p.value.fellBack),
        timings: {
          queue: Math.max(0, ...placed.map((p) => p.queueMs)),
          decode: sum("decode"),
          preprocess: sum("preprocess"),
          encode: sum("encode"),
        },
      };
    },
    close(graceMs) {
      closing ??= (async () => {
        await batcher.close(graceMs);
        await encoding.close();
        opened.close();
      })();
      return closing;
    },
  };
}

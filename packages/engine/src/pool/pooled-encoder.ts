// A pool seen as an encoder: texts, prompts and pixels go to a child, gradients do not. Keeps the promises of @biovlm/model's contract.

import { type Capabilities, type Encoder, EncoderError, type RunOptions } from "@biovlm/model";
import type { Job, Rows } from "./messages.js";

export interface PooledParts {
  readonly capabilities: () => Capabilities | undefined;
  readonly run: (job: Job) => Promise<Rows>;
  readonly close: () => Promise<void>;
}

export function pooledEncoder({ capabilities, run, close }: PooledParts): Encoder {
  let closed = false;
  const of = (): Capabilities => {
    const opened = capabilities();
    if (opened === undefined)
      throw new EncoderError("pool", "open_failed", "the pool — expected to be started, got a call before. Start it.");
    return { ...opened, gradients: false };
  };
  const job = async (work: Job, { signal }: RunOptions = {}): Promise<Rows> => {
    if (closed) throw new EncoderError("pool", "closed", "the pool — expected to be open, got a call after close. Open another.");
    signal?.throwIfAborted();
    if (signal === undefined) return run(work);
    // the job goes on in the child; nobody waits for it
    return new Promise((resolve, reject) => {
      const onAbort = () => reject(signal.reason as Error);
      signal.addEventListener("abort", onAbort, { once: true });
      run(work)
        .then(resolve, reject)
        .finally(() => signal.removeEventListener("abort", onAbort));
    });
  };
  return {
    name: "pool",
    get capabilities() {
      return of();
    },
    encodeImages: (pixels, batch, options) => job({ kind: "pixels", pixels, batch }, options),
    encodeRgb: (rgb, batch, { mean, std }, options) => job({ kind: "rgb", rgb, batch, by: { mean, std } }, options),
    encodeTexts: (ids, mask, shape, options) => job({ kind: "texts", ids, mask, shape }, options),
    async encodePrompts(rows, { keep = false, ...options } = {}) {
      if (keep) throw new EncoderError("pool", "not_supported", "a tape — expected plain rows, got keep. Train on an encoder of your own.");
      return { out: await job({ kind: "prompts", rows }, options) };
    },
    async close() {
      closed = true;
      await close();
    },
  };
}

// The child's side of a pool: opens what it is told, answers jobs, reports its memory. Ends with its parent and ignores a terminal's signals,
// which are the parent's to act on. child.ts runs it on real models; tests run it on encoders that fail on demand.

import type { Core } from "@biovlm/core";
import type { Encoder, Model } from "@biovlm/model";
import { encodeImageFiles } from "../image-rows.js";
import type { EncoderListeners, OpeningSpec } from "../opening.js";
import type { FromChild, Job, JobAnswer, ToChild } from "./messages.js";

export interface ChildRuntime {
  readonly core: Core;
  readonly model: Pick<Model, "spec">;
  readonly encoder: Encoder;
  readonly standby: readonly string[];
}

export type OpenRuntime = (spec: OpeningSpec, skip: readonly string[], listeners: EncoderListeners) => Promise<ChildRuntime>;

/** Serves the parent process until it closes the channel. */
export function runEncoderChild(open: OpenRuntime): void {
  let runtime: ChildRuntime | undefined;
  let limits = { maxBytes: 0, maxPixels: 0 };
  const say = (message: FromChild) => {
    if (process.connected) process.send!(message);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
  process.on("disconnect", () => process.exit(0));
  process.on("message", (message: ToChild) => {
    if (message.type === "open") {
      limits = message.limits;
      void opened(message.spec, message.skip);
    } else if (message.type === "job") void answered(message.id, message.job);
    else process.exit(0);
  });

  async function opened(spec: OpeningSpec, skip: readonly string[]) {
    try {
      runtime = await open(spec, skip, {
        onDevice: (device) => say({ type: "device", device }),
        onChange: ({ from, to, reason }) => say({ type: "changed", from, to, reason }),
      });
      const { imageSize: S } = runtime.model.spec.vision;
      // warm-up: sessions are made at first use
      await runtime.encoder.encodeImages(new Float32Array(3 * S * S).fill(0.5), 1);
      const { name, capabilities } = runtime.encoder;
      say({ type: "opened", name, capabilities: { ...capabilities }, standby: runtime.standby });
    } catch (error) {
      say({ type: "refused", ...described(error) });
    }
  }

  async function answered(id: number, job: Job) {
    try {
      const answer = await work(runtime!, job);
      say({ type: "done", id, answer, device: runtime!.encoder.capabilities.device, rss: process.memoryUsage.rss() });
    } catch (error) {
      say({ type: "failed", id, ...described(error), rss: process.memoryUsage.rss() });
    }
  }

  async function work({ core, model, encoder }: ChildRuntime, job: Job): Promise<JobAnswer> {
    if (job.kind === "files") return encodeImageFiles(job.files, { core, model, encoder, limits });
    if (job.kind === "pixels") return encoder.encodeImages(job.pixels, job.batch);
    if (job.kind === "texts") return encoder.encodeTexts(job.ids, job.mask, job.shape);
    const { out } = await encoder.encodePrompts(job.rows);
    return out;
  }
}

function described(error: unknown): { code: string; message: string } {
  const code = typeof error === "object" && error !== null ? Reflect.get(error, "code") : undefined;
  return { code: typeof code === "string" ? code : "internal", message: error instanceof Error ? error.message : String(error) };
}

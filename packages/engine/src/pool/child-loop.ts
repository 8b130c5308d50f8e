// The child's side of a pool: opens what it is told, answers jobs, reports its memory. Ends with its parent and ignores a terminal's signals,
// which are the parent's to act on. child.ts runs it on real models; tests run it on encoders that fail on demand.

import { Socket, type SocketConstructorOpts } from "node:net";
import type { Core } from "@biovlm/core";
import type { Encoder, Model } from "@biovlm/model";
import { encodeRgb } from "@biovlm/model/backend";
import { fastImages } from "../images/fast-images.js";
import { type ImageEncoder, imageEncoder } from "../images/image-encoder.js";
import type { EncoderListeners } from "../open/encoder.js";
import type { OpeningSpec } from "../open/opening-spec.js";
import { FrameReader, writeFrame } from "./frames.js";
import type { FromChild, Job, JobAnswer, ToChild } from "./messages.js";

export interface ChildRuntime {
  readonly core: Core;
  readonly model: Pick<Model, "spec">;
  readonly encoder: Encoder;
  readonly standby: readonly string[];
  /** what the device's probe said */
  readonly detail: string;
  /** what computes image embeddings, where they are in int8 */
  imageTower?(): string | undefined;
}

export type OpenRuntime = (spec: OpeningSpec, skip: readonly string[], listeners: EncoderListeners) => Promise<ChildRuntime>;

/** How old a memory reading may be. */
const RSS_MS = 500;
/** One buffer for all that arrives: what a frame needs is copied out of it. */
const RECEIVE_BYTES = 256 * 1024;

/** Serves the parent process until it closes the pipe, descriptor 3. */
export function runEncoderChild(open: OpenRuntime): void {
  let runtime: ChildRuntime | undefined;
  let images: ImageEncoder;
  const stacks = new Map<number, AbortController>();
  const resident = memoryReader();
  const frames = new FrameReader((message) => hear(message as ToChild));
  const onread = {
    buffer: Buffer.alloc(RECEIVE_BYTES),
    callback(bytes: number, buffer: Uint8Array) {
      frames.push(buffer.subarray(0, bytes));
      return true;
    },
  };
  // `onread` is Node's for every socket; its types have it for connections alone
  const pipe = new Socket({ fd: 3, readable: true, writable: true, onread } as SocketConstructorOpts);
  const { say, answer } = voiceOf(pipe);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
  pipe.on("error", () => process.exit(0));
  pipe.on("close", () => process.exit(0));

  function hear(message: ToChild) {
    if (message.type === "open") {
      void opened(message);
    } else if (message.type === "job") void answered(message.id, message.job);
    else if (message.type === "stop") stacks.get(message.id)?.abort(new Error("nobody waits for it"));
    else process.exit(0);
  }

  async function opened({ spec, skip, limits, maxBatch, maxQueueDelayMs }: Extract<ToChild, { type: "open" }>) {
    try {
      runtime = await open(spec, skip, {
        onDevice: (device) => say({ type: "device", device }),
        onChange: ({ from, to, reason }) => say({ type: "changed", from, to, reason, ...(runtime === undefined ? {} : told(runtime)) }),
      });
      const { prepare: fast } = await fastImages();
      images = imageEncoder({ ...runtime, limits, fast, maxBatch, maxQueueDelayMs });
      const { vision, mean, std } = runtime.model.spec;
      // warm-up: sessions are made at first use
      await encodeRgb(runtime.encoder, new Uint8Array(3 * vision.imageSize ** 2).fill(128), 1, { mean, std });
      const { standby, detail } = runtime;
      say({ type: "opened", name: runtime.encoder.name, ...told(runtime), standby, detail });
    } catch (error) {
      say({ type: "refused", ...described(error) });
    }
  }

  async function answered(id: number, job: Job) {
    try {
      const rows = await work(runtime!, job, id);
      answer({ type: "done", id, answer: rows, device: runtime!.encoder.capabilities.device, rss: resident() });
    } catch (error) {
      answer({ type: "failed", id, ...described(error), rss: resident() });
    }
  }

  async function work({ encoder }: ChildRuntime, job: Job, id: number): Promise<JobAnswer> {
    if (job.kind === "files") return images.files(job.files);
    if (job.kind === "stack") return stacked(id, job);
    if (job.kind === "pixels") return encoder.encodeImages(job.pixels, job.batch);
    if (job.kind === "rgb") return encodeRgb(encoder, job.rgb, job.batch, job.by);
    if (job.kind === "texts") return encoder.encodeTexts(job.ids, job.mask, job.shape);
    const { out } = await encoder.encodePrompts(job.rows);
    return out;
  }

  /** Says that it goes on, so that its parent waits for the next frame and not for all of them. */
  async function stacked(id: number, { file, ask }: Extract<Job, { kind: "stack" }>): Promise<JobAnswer> {
    const stop = new AbortController();
    stacks.set(id, stop);
    try {
      const onFrames = (frames: number) => say({ type: "working", id, frames });
      return await images.stack(file, ask, { signal: stop.signal, onFrames, onRow: () => say({ type: "working", id }) });
    } finally {
      stacks.delete(id);
    }
  }
}

/** What its encoder is now. */
function told({ encoder, imageTower }: ChildRuntime) {
  const tower = imageTower?.();
  return { capabilities: { ...encoder.capabilities }, ...(tower === undefined ? {} : { imageTower: tower }) };
}

/** How the child speaks to its parent. */
function voiceOf(pipe: Socket) {
  let held = false;
  const release = () => {
    if (held) pipe.uncork();
    held = false;
  };
  return {
    /** At once: the parent must know the device even where its runtime ends this process with the next call. */
    say(message: FromChild) {
      release();
      if (pipe.writable) writeFrame(pipe, message);
    },
    /** Answers of one turn, those of a run's images, go out together. */
    answer(message: FromChild) {
      if (!pipe.writable) return;
      if (!held) {
        held = true;
        pipe.cork();
        process.nextTick(release);
      }
      writeFrame(pipe, message);
    },
  };
}

/** Memory in use, bytes; asking the system for each image would cost more than the image's own bookkeeping. */
function memoryReader(): () => number {
  let measured = { at: Number.NEGATIVE_INFINITY, rss: 0 };
  return () => {
    const now = performance.now();
    if (now - measured.at > RSS_MS) measured = { at: now, rss: process.memoryUsage.rss() };
    return measured.rss;
  };
}

function described(error: unknown): { code: string; message: string } {
  const code = typeof error === "object" && error !== null ? Reflect.get(error, "code") : undefined;
  return { code: typeof code === "string" ? code : "internal", message: error instanceof Error ? error.message : String(error) };
}

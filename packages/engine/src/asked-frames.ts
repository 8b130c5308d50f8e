// Images of a call whose frames were asked for, or that are shown otherwise than the engine shows them: each file's rows, some files at a time, so
// that a series of hundreds waits beside others and not before them. What the rows mean is together.ts.

import { setMaxListeners } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { inOrder } from "@biovlm/files";
import { ImagingError, PLANES, parseRange, parseWindow } from "@biovlm/imaging/node";
import type { Submission } from "./batch/batcher.js";
import type { StackAsk } from "./contract/encoding.js";
import type { ImageChoice } from "./contract/engine.js";
import { EngineError } from "./contract/errors.js";
import { frameIndex, frameStep } from "./images/decode-options.js";
import type { HostAnswer, HostStack, ModelHost } from "./model-host.js";

/** Files of one call that wait or are at work at once. */
const FILES_AHEAD = 16;
/** How soon a file of a call that has begun is offered again to a queue that is full, milliseconds. */
const AGAIN_MS = 50;

/** What is asked of each file; undefined where nothing is, beside its picture as the engine shows it. @throws EngineError `bad_option` */
export function stackAsk({ frame = "middle", plane, window, range, volumes = false, cropped = false }: ImageChoice): StackAsk | undefined {
  if (volumes && frame !== "middle")
    throw new EngineError("bad_option", `volumes — expected all frames of a file, got frame ${frame.slice(0, 40)}. Leave one of them out.`);
  if (plane !== undefined && !PLANES.some((known) => known === plane))
    throw new EngineError("bad_option", `plane — expected one of ${PLANES.join(", ")}, got another. Correct it.`);
  try {
    const step = volumes ? 1 : frameStep(frame);
    const index = step === undefined ? frameIndex(frame) : undefined;
    const shown: StackAsk["shown"] = {
      ...(index === undefined ? {} : { frame: index }),
      ...(plane === undefined ? {} : { plane: plane as (typeof PLANES)[number] }),
      ...(window === undefined ? {} : { window: parseWindow(window) }),
      ...(range === undefined ? {} : { range: parseRange(range) }),
      ...(cropped ? { ultrasoundRegion: false } : {}),
    };
    if (step === undefined && Object.keys(shown).length === 0) return undefined;
    return { shown, ...(step === undefined ? {} : { step }), ...(volumes ? { place: true } : {}) };
  } catch (error) {
    if (error instanceof ImagingError) throw new EngineError("bad_option", error.message, { cause: error });
    throw error;
  }
}

/** Files' rows, and what they took together: the longest wait, sums of the others; milliseconds. */
export interface AskedStacks extends Omit<HostAnswer, "images"> {
  readonly stacks: readonly HostStack[];
}

/**
 * Rows of the files' frames, file by file. Where one of them ends the call, the others stop with their frame.
 * @throws EngineError `too_many_frames`, and as the host does
 */
export async function encodeAsked(
  host: Pick<ModelHost, "encodeStack">,
  files: readonly Uint8Array[],
  ask: StackAsk,
  { signal, deadline, maxFrames = Number.POSITIVE_INFINITY }: Submission & Pick<ImageChoice, "maxFrames">,
): Promise<AskedStacks> {
  const ended = new AbortController();
  // one listener for each file at work
  setMaxListeners(2 * FILES_AHEAD, ended.signal);
  const leave = () => ended.abort(signal?.reason);
  signal?.addEventListener("abort", leave, { once: true });
  let total = 0;
  const one = async ({ file, first }: { readonly file: Uint8Array; readonly first: boolean }) => {
    let own = 0;
    const onFrames = (frames: number) => {
      // said again where the file had to be begun again
      total += frames - own;
      own = frames;
      if (total > maxFrames) ended.abort(tooManyFrames(maxFrames));
    };
    const submission = { signal: ended.signal, onFrames, ...(deadline === undefined ? {} : { deadline }) };
    for (;;) {
      try {
        return await host.encodeStack(file, ask, submission);
      } catch (error) {
        const full = error instanceof EngineError && error.code === "overloaded";
        if (first || !full || (deadline !== undefined && Date.now() >= deadline)) {
          ended.abort(error);
          throw error;
        }
        await delay(AGAIN_MS, undefined, { signal: ended.signal }).catch(() => ended.signal.throwIfAborted());
      }
    }
  };
  try {
    signal?.throwIfAborted();
    const stacks: HostStack[] = [];
    const asked = files.map((file, i) => ({ file, first: i === 0 }));
    for await (const stack of inOrder(asked, FILES_AHEAD, one)) stacks.push(stack);
    return together(stacks);
  } finally {
    signal?.removeEventListener("abort", leave);
    ended.abort(new Error("the call has ended"));
  }
}

function together(stacks: readonly HostStack[]): AskedStacks {
  const timings = { queue: 0, decode: 0, preprocess: 0, encode: 0 };
  for (const { timings: own } of stacks) {
    timings.queue = Math.max(timings.queue, own.queue);
    for (const part of ["decode", "preprocess", "encode"] as const) timings[part] += own[part];
  }
  return { stacks, device: stacks[0]?.device ?? "none", fellBack: stacks.some(({ fellBack }) => fellBack), timings };
}

function tooManyFrames(limit: number): EngineError {
  return new EngineError(
    "too_many_frames",
    `frames — expected at most ${limit} in a request, got more. Ask for fewer (frame every=K), send several requests, or have the server started with a larger --max-frames.`,
  );
}

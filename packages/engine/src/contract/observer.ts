// What an engine says of itself while it works: the seam to whoever counts (a metrics registry, a progress bar, a test).

import type { EncodingEvent } from "./encoding.js";
import type { AnswerSource, FailedImage, ImageAnswer, LeftOutImage, ServedBank } from "./engine.js";

/** What an engine reports as it goes. `model` is a served name, the first one for what several names share. */
export interface EngineObserver {
  queue(model: string, depth: () => number): void;
  /** bytes that its encoder processes hold, 0 where it has none of its own */
  memory(model: string, bytes: () => number): void;
  /** a run of the encoder */
  run(model: string, images: number): void;
  answered(
    model: string,
    bank: ServedBank,
    answers: readonly (Omit<ImageAnswer, "sha256"> | FailedImage | LeftOutImage)[],
    timings: AnswerSource["timings"],
  ): void;
  encodingEvent(model: string, event: EncodingEvent): void;
  /** a model that is served, and whether it is in memory */
  model(model: string, loaded: () => boolean): void;
  /** it was loaded, at the start or later: milliseconds until it could answer */
  modelLoaded(model: string, digest: string, ms: number): void;
  modelUnloaded(model: string, digest: string, reason: "memory" | "asked"): void;
  /** `error` may name files: it is for a log on this machine */
  modelLoadFailed(model: string, code: string, error: unknown): void;
  bankReloaded(name: string, digest: string): void;
  bankRefused(name: string, code: string): void;
}

const nothing = () => {};
/** An observer that nobody listens to. */
export const SILENT: EngineObserver = {
  queue: nothing,
  memory: nothing,
  run: nothing,
  answered: nothing,
  encodingEvent: nothing,
  model: nothing,
  modelLoaded: nothing,
  modelUnloaded: nothing,
  modelLoadFailed: nothing,
  bankReloaded: nothing,
  bankRefused: nothing,
};

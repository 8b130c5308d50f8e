// What the slices of a series, or the frames of a file, say together: the mean of their answers, as the command line's --volumes and --frame all
// give it. Slices of a series are answered as images; frames of a file are answered when they are asked for.

import { MeanAnswer, type TogetherAnswer } from "@biovlm/engine/images";
import type { ImageItem } from "./image-item.js";
import type { Series } from "./series.js";
import type { Session } from "./session.js";
import { frameOf } from "./showing.js";

/** Frames in one request. */
const BATCH = 8;

/** What slices say together, and of how many there are. */
export interface Together {
  readonly answer: TogetherAnswer;
  readonly of: number;
}

/** The mean of the slices that are answered so far; undefined before the first. */
export function seriesAnswer({ slices }: Series, classes: readonly string[]): Together | undefined {
  const mean = new MeanAnswer({ classes });
  for (const [at, { answer }] of slices.entries()) if (answer !== undefined) mean.add(at + 1, answer.predictions);
  const answer = mean.together();
  return answer === undefined ? undefined : { answer, of: slices.length };
}

/** Means over the frames of files, by file and by how it was asked. */
export class FrameAnswers {
  private readonly known = new WeakMap<ImageItem, { readonly asked: string; readonly together: Together }>();
  private readonly session: Session;

  constructor(session: Session) {
    this.session = session;
  }

  of(image: ImageItem): Together | undefined {
    const kept = this.known.get(image);
    return kept !== undefined && kept.asked === this.asked(image) ? kept.together : undefined;
  }

  /** Answers every frame. @throws EngineFailure */
  async answer(image: ImageItem, signal: AbortSignal, onProgress: (done: number, of: number) => void): Promise<void> {
    const { session } = this;
    const asked = this.asked(image);
    const { id, frame: _, ...shown } = session.showing.refOf(image);
    const ref = { id, ...shown };
    // a picture from before the plane was changed has another number of slices
    const seen = image.stale === true ? await session.engine.ask("look", shown, { signal }) : image.picture;
    const frames = frameOf(seen)?.frames ?? 1;
    const mean = new MeanAnswer({ classes: session.prepared?.classes ?? [] });
    for (let at = 0; at < frames; at += BATCH) {
      const numbers = Array.from({ length: Math.min(BATCH, frames - at) }, (_, i) => at + i);
      const answers = await session.engine.ask("classify", { images: numbers.map((frame) => ({ ...ref, frame })) }, { signal });
      // other classes, another window or plane: what was asked is no longer wanted
      if (signal.aborted || this.asked(image) !== asked) return;
      for (const [i, answer] of answers.entries()) if (answer.ok) mean.add(at + i + 1, answer.answer.predictions);
      onProgress(at + numbers.length, frames);
    }
    const answer = mean.together();
    if (answer !== undefined) this.known.set(image, { asked, together: { answer, of: frames } });
  }

  private asked(image: ImageItem): string {
    const { prepared, opened, showing } = this.session;
    const { window, plane, range } = showing.refOf(image);
    return JSON.stringify([opened?.model.digest, prepared?.digest, prepared?.classes, window, plane, range]);
  }
}

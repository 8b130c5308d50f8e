// Asks the engine about images, batch by batch: what the model sees of them, and, once classes are chosen, what it answers.

import { type EngineClient, EngineFailure } from "../engine/engine-client.js";
import { imageKey } from "../engine/image-key.js";
import type { ImageAnswer, ImageRef, Opened, Prepared } from "../engine/protocol.js";
import type { ImageItem } from "./image-item.js";
import { ServerRefusal } from "./server-door.js";

/** Images in one request: small enough that a stop is quick, large enough for a device's batch. */
const BATCH = 8;

/** Whose images are asked about. */
interface Asking {
  readonly images: readonly ImageItem[];
  readonly opened: Opened | undefined;
  readonly prepared: Prepared | undefined;
  readonly selected: ImageItem | undefined;
  readonly engine: EngineClient;
  /** an image as it is asked about: in its frame, window and plane */
  readonly showing: { refOf(image: ImageItem): ImageRef };
  changed(change: "answers" | "busy"): void;
  onNotice(text: string, bad: boolean): void;
}

export class Answering {
  /** images without an answer yet, while they are worked on */
  waiting = 0;
  private work: AbortController | undefined;
  /** the engine that is looking at images */
  private looking: EngineClient | undefined;
  private readonly session: Asking;

  constructor(session: Asking) {
    this.session = session;
  }

  /** What runs is no longer wanted. */
  stop(): void {
    this.work?.abort();
  }

  /** Pictures of images that have none, until classes are chosen: answers bring them along. */
  async look(): Promise<void> {
    const { session } = this;
    const client = session.opened === undefined ? undefined : session.engine;
    // one look at a time: it comes to later images too
    if (client === undefined || this.looking === client) return;
    this.looking = client;
    try {
      while (session.prepared === undefined && session.opened !== undefined && session.engine === client) {
        const batch = session.images
          .filter((i) => (i.picture === undefined || i.stale === true) && i.failure === undefined)
          .slice(0, BATCH);
        if (batch.length === 0) return;
        await Promise.all(batch.map((image) => lookAt(image, session, client)));
        session.changed("answers");
      }
    } catch (error) {
      if (!(error instanceof EngineFailure && error.code === "stopped")) throw error;
    } finally {
      if (this.looking === client) this.looking = undefined;
    }
  }

  /** Answers of the classes that are chosen, for images that have none. A later call takes over from an earlier one. */
  async answer(): Promise<void> {
    const { session } = this;
    this.work?.abort();
    const work = new AbortController();
    this.work = work;
    const todo = session.images.filter((image) => image.answer === undefined && image.failure === undefined);
    // what is looked at comes first
    const { selected } = session;
    if (selected !== undefined && todo.includes(selected)) todo.unshift(...todo.splice(todo.indexOf(selected), 1));
    this.waiting = todo.length;
    session.changed("busy");
    try {
      for (let at = 0; at < todo.length; at += BATCH) {
        const batch = todo.slice(at, at + BATCH);
        const answers = await session.engine.ask(
          "classify",
          { images: batch.map((image) => session.showing.refOf(image)) },
          { signal: work.signal },
        );
        if (work.signal.aborted) {
          // what was decoded is not sent a second time
          for (const [i, image] of batch.entries()) if (image.stale !== true) takePicture(image, answers[i]);
          session.changed("answers");
          return;
        }
        const byId = new Map(answers.map((answer) => [answer.id, answer]));
        for (const image of batch) take(image, byId.get(image.id));
        // an answer from what was kept brings no picture along
        const unseen = batch.filter(({ picture, stale, failure }) => (picture === undefined || stale === true) && failure === undefined);
        await Promise.all(unseen.map((image) => lookAt(image, session, session.engine)));
        this.waiting = todo.length - at - batch.length;
        session.changed("answers");
      }
    } catch (error) {
      // what the server answered so far stays, and the person reads why it goes on no more
      if (error instanceof ServerRefusal) session.onNotice(error.message, true);
      else if (!(error instanceof EngineFailure && error.code === "stopped")) throw error;
    } finally {
      if (this.work === work) {
        this.waiting = 0;
        session.changed("busy");
      }
    }
  }
}

/** An answer onto its image; an engine that gave none for it is a failure of that image. */
function take(image: ImageItem, answer: ImageAnswer | undefined): void {
  if (answer?.ok !== true) {
    image.failure = answer?.error ?? { code: "no_answer", message: "no answer" };
    return;
  }
  image.answer = answer.answer;
  takePicture(image, answer);
}

function takePicture(image: ImageItem, answer: ImageAnswer | undefined): void {
  if (answer?.ok !== true || answer.picture === undefined) return;
  image.picture = answer.picture;
  delete image.stale;
}

/** A picture onto its image, or why there is none. */
async function lookAt(image: ImageItem, session: Asking, engine: EngineClient): Promise<void> {
  const ref = session.showing.refOf(image);
  try {
    const picture = await engine.ask("look", ref);
    // another frame, window, plane, range or region is wanted by now: the next look brings it
    if (imageKey(session.showing.refOf(image)) !== imageKey(ref)) return;
    image.picture = picture;
    delete image.stale;
  } catch (error) {
    // an engine that ended says nothing about the file
    if (!(error instanceof EngineFailure) || error.code === "stopped" || error.code === "engine_died") throw error;
    image.failure = error.failure;
  }
}

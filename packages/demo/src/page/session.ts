// What the page knows and does, without any element: images, classes, answers, labels, and the engine behind them. Views read it and listen.

import type { Classification } from "@biovlm/model";
import { type EngineClient, EngineFailure } from "../engine/engine-client.js";
import type { ClassSource, DeviceState, Failure, ImageAnswer, Opened, Picture, Prepared, Requests } from "../engine/protocol.js";
import type { PickedFile } from "./dropped-files.js";
import { byNature, fileKey } from "./file-order.js";

export interface ImageItem {
  readonly id: number;
  readonly name: string;
  /** the folder it lay in, or "" */
  folder: string;
  readonly file: File;
  answer?: Classification;
  /** what the model sees, small */
  picture?: Picture;
  failure?: Failure;
  /** class index given by a person */
  label?: number;
}

/** What changed: views draw what they show of it. */
export type Change = "images" | "answers" | "selection" | "classes" | "labels" | "device" | "busy";

export type OpenChoices = Requests["open"]["ask"];

/** Images in one request: small enough that a stop is quick, large enough for a device's batch. */
const BATCH = 8;

export class Session {
  readonly images: ImageItem[] = [];
  opened: Opened | undefined;
  device: DeviceState | undefined;
  prepared: Prepared | undefined;
  selected: ImageItem | undefined;
  /** images without an answer yet, while they are worked on */
  waiting = 0;
  /** something that a person should read */
  onNotice: (text: string, bad: boolean) => void = () => {};
  private readonly listeners: ((change: Change) => void)[] = [];
  private readonly start: (onDevice: (state: DeviceState, reason: string) => void) => EngineClient;
  private client: EngineClient | undefined;
  private nextId = 1;
  private work: AbortController | undefined;
  /** the engine that is looking at images */
  private looking: EngineClient | undefined;
  private choices: OpenChoices | undefined;
  private classes: ClassSource | undefined;
  /** class names that the images' labels count in */
  private labelNames: readonly string[] = [];

  constructor(start: (onDevice: (state: DeviceState, reason: string) => void) => EngineClient) {
    this.start = start;
  }

  listen(listener: (change: Change) => void): void {
    this.listeners.push(listener);
  }

  changed(change: Change): void {
    for (const listener of this.listeners) listener(change);
  }

  get engine(): EngineClient {
    if (this.client === undefined) throw new EngineFailure({ code: "not_open", message: "no model is open" });
    return this.client;
  }

  /** Starts a fresh worker with a model on a device; classes chosen before are chosen again. */
  async open(choices: OpenChoices, onBytes: (done: number, total: number) => void): Promise<void> {
    this.work?.abort();
    this.client?.end();
    this.opened = this.device = this.prepared = undefined;
    this.choices = choices;
    for (const image of this.images) delete image.answer;
    this.changed("device");
    const client = this.start((state, reason) => {
      this.device = state;
      this.onNotice(`The device was lost; the page goes on with ${state.device} (${reason}).`, true);
      this.changed("device");
    });
    this.client = client;
    const opened = await client.ask("open", choices, {
      onProgress: (progress) => {
        if (progress.kind === "bytes") onBytes(progress.done, progress.total);
        if (progress.kind === "note") this.onNotice(progress.text, false);
      },
    });
    if (this.client !== client) return;
    this.opened = opened;
    this.device = opened;
    this.changed("device");
    await (this.classes === undefined ? this.look() : this.choose(this.classes));
  }

  /** Chooses classes and prompts, and answers every image with them. */
  async choose(source: ClassSource): Promise<void> {
    this.classes = source;
    this.work?.abort();
    this.prepared = await this.engine.ask("prepare", { classes: source });
    const { classes } = this.prepared;
    for (const image of this.images) {
      delete image.answer;
      // labels follow their class's name, also over another device or model
      if (image.label !== undefined) setLabel(image, classes.indexOf(this.labelNames[image.label] ?? ""));
    }
    this.labelNames = classes;
    this.changed("classes");
    await this.answer();
  }

  /**
   * Adds files in natural order; answers how many were there already. A file that came alone before, and comes with its folder now, keeps
   * its answer and gets the folder.
   */
  add(files: readonly PickedFile[]): number {
    const known = new Map<string, ImageItem[]>();
    for (const image of this.images) addTo(known, fileKey(image.file), image);
    let twice = 0;
    for (const { file, folder } of files) {
      const same = known.get(fileKey(file))?.find((image) => image.folder === folder || image.folder === "" || folder === "");
      if (same === undefined) {
        const image: ImageItem = { id: this.nextId++, name: file.name, folder, file };
        this.images.push(image);
        addTo(known, fileKey(file), image);
      } else {
        if (same.folder === "") same.folder = folder;
        twice++;
      }
    }
    this.images.sort(byNature);
    this.selected ??= this.images[0];
    this.changed("images");
    this.changed("selection");
    return twice;
  }

  /** Takes one image away; the one after it, or else before it, is chosen. */
  remove(image: ImageItem): void {
    const at = this.images.indexOf(image);
    if (at < 0) return;
    this.images.splice(at, 1);
    if (this.selected === image) this.selected = this.images[at] ?? this.images[at - 1];
    this.changed("images");
    this.changed("selection");
  }

  removeAll(): void {
    this.work?.abort();
    this.images.length = 0;
    this.selected = undefined;
    this.waiting = 0;
    this.changed("images");
    this.changed("selection");
  }

  select(image: ImageItem | undefined): void {
    if (this.selected === image) return;
    this.selected = image;
    this.changed("selection");
  }

  label(image: ImageItem, label: number | undefined): void {
    setLabel(image, label ?? -1);
    this.changed("labels");
  }

  /** Pictures of images that have none, until classes are chosen: answers bring them along. */
  private async look(): Promise<void> {
    const { client } = this;
    // one look at a time: it comes to later images too
    if (client === undefined || this.opened === undefined || this.looking === client) return;
    this.looking = client;
    try {
      while (this.prepared === undefined && this.client === client) {
        const batch = this.images.filter((i) => i.picture === undefined && i.failure === undefined).slice(0, BATCH);
        if (batch.length === 0) return;
        await Promise.all(batch.map((image) => lookAt(image, client)));
        this.changed("answers");
      }
    } catch (error) {
      if (!(error instanceof EngineFailure && error.code === "stopped")) throw error;
    } finally {
      if (this.looking === client) this.looking = undefined;
    }
  }

  /** Answers what has no answer; without classes, shows what the model sees. A later call takes over from an earlier one. */
  async answer(): Promise<void> {
    if (this.prepared === undefined) return this.look();
    this.work?.abort();
    const work = new AbortController();
    this.work = work;
    const todo = this.images.filter((image) => image.answer === undefined && image.failure === undefined);
    this.waiting = todo.length;
    this.changed("busy");
    try {
      for (let at = 0; at < todo.length; at += BATCH) {
        const batch = todo.slice(at, at + BATCH);
        const answers = await this.engine.ask("classify", { images: batch.map(({ id, file }) => ({ id, file })) }, { signal: work.signal });
        if (work.signal.aborted) {
          // what was decoded is not sent a second time
          for (const [i, image] of batch.entries()) takePicture(image, answers[i]);
          this.changed("answers");
          return;
        }
        const byId = new Map(answers.map((answer) => [answer.id, answer]));
        for (const image of batch) take(image, byId.get(image.id));
        this.waiting = todo.length - at - batch.length;
        this.changed("answers");
      }
    } catch (error) {
      if (!(error instanceof EngineFailure && error.code === "stopped")) throw error;
    } finally {
      if (this.work === work) {
        this.waiting = 0;
        this.changed("busy");
      }
    }
  }

  /** Name and weakness of the open model, to stand beside every answer. */
  get aboutModel(): string {
    const source = this.choices?.source;
    const weakness = source?.kind === "offered" ? source.model.summary : "files of your own, not measured here";
    return `${this.opened?.model.name ?? "no model"}: ${weakness}`;
  }

  /** How the open model was asked for. */
  get lastChoices(): OpenChoices | undefined {
    return this.choices;
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
  if (answer?.ok === true && answer.picture !== undefined) image.picture = answer.picture;
}

/** A picture onto its image, or why there is none. */
async function lookAt(image: ImageItem, engine: EngineClient): Promise<void> {
  try {
    image.picture = await engine.ask("look", { file: image.file });
  } catch (error) {
    // an engine that ended says nothing about the file
    if (!(error instanceof EngineFailure) || error.code === "stopped" || error.code === "engine_died") throw error;
    image.failure = { code: error.code, message: error.message };
  }
}

function setLabel(image: ImageItem, label: number): void {
  if (label < 0) delete image.label;
  else image.label = label;
}

function addTo(map: Map<string, ImageItem[]>, key: string, image: ImageItem): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [image]);
  else list.push(image);
}

// What the page knows and does, without any element: images, classes, answers, labels, and the engine behind them. Views read it and listen.

import { counted } from "@biovlm/files";
import { type EngineClient, EngineFailure } from "../engine/engine-client.js";
import type { ClassSource, DeviceState, Opened, Prepared, Requests } from "../engine/protocol.js";
import { Answering } from "./answering.js";
import type { Change } from "./change.js";
import { classPlaces, renamedClasses, sameSource } from "./class-names.js";
import type { PickedFile } from "./dropped-files.js";
import { addTo, byNature, fileKey } from "./file-order.js";
import { History } from "./history.js";
import { ImageFilter } from "./image-filter.js";
import { forgetAnswer, type ImageItem } from "./image-item.js";
import { type Identity, LabelBook } from "./label-book.js";
import { SeriesBook } from "./series.js";
import { Showing } from "./showing.js";

/** A label for each of some images; undefined takes it away. */
export type Relabelling = readonly (readonly [ImageItem, string | undefined])[];

export type OpenChoices = Requests["open"]["ask"];

export class Session {
  readonly images: ImageItem[] = [];
  opened: Opened | undefined;
  device: DeviceState | undefined;
  prepared: Prepared | undefined;
  selected: ImageItem | undefined;
  /** something that a person should read */
  onNotice: (text: string, bad: boolean) => void = () => {};
  private readonly listeners: ((change: Change) => void)[] = [];
  private readonly start: (onDevice: (state: DeviceState, reason: string) => void) => EngineClient;
  private client: EngineClient | undefined;
  private nextId = 1;
  private readonly answering = new Answering(this);
  private choices: OpenChoices | undefined;
  private classes: ClassSource | undefined;
  readonly showing = new Showing(this);
  readonly series = new SeriesBook();
  readonly history = new History();
  readonly filter = new ImageFilter();
  readonly book = new LabelBook();
  /** whether new names are those of the old classes: asked where nothing else tells */
  askWhether: (question: string, yes: string, no: string) => Promise<boolean> = async () => false;

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
    this.answering.stop();
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
    void this.findSeries();
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
    if (this.classes === undefined) return this.answering.look();
    try {
      await this.prepare(this.classes);
    } catch (error) {
      // a later opening took over; or this model refuses the classes, which says nothing against the model
      if (this.client === client) this.onNotice(error instanceof Error ? error.message : String(error), true);
    }
  }

  /** Classes to begin with, as they were chosen in an earlier visit. */
  resume(source: ClassSource): void {
    this.classes = source;
    this.changed("source");
  }

  /** How the classes were chosen. */
  get source(): ClassSource | undefined {
    return this.classes;
  }

  /**
   * Chooses classes and prompts, and answers every image with them. A line that was written anew is its class's new name: labels go along.
   * Labels of classes that are gone are kept, and count again when the class comes back. `sameClasses` false: other names are other classes.
   */
  async choose(source: ClassSource, { sameClasses = true } = {}): Promise<void> {
    const before = this.classes;
    const names = sameClasses ? await this.renames(before, source) : new Map<string, string>();
    await this.prepare(source, () => {
      if (before === undefined || sameSource(before, source)) return;
      const again = async (classes: ClassSource) => {
        this.resume(classes);
        await this.prepare(classes);
      };
      let written: ReturnType<LabelBook["rename"]> = [];
      const renamed = this.images.flatMap((image) => (names.has(image.labelName ?? "") ? [[image, image.labelName] as const] : []));
      const rename = () => {
        written = this.book.rename(names);
        for (const [image, name] of renamed) image.labelName = names.get(name ?? "") ?? "";
      };
      rename();
      this.record({
        what: "the choice of classes",
        undo: () => {
          this.book.restore(written);
          for (const [image, name] of renamed) setName(image, name);
          return again(before);
        },
        redo: () => {
          rename();
          return again(source);
        },
      });
      for (const [from, to] of names) {
        const count = renamed.filter(([, name]) => name === from).length;
        if (count > 0)
          this.onNotice(`“${from}” is called “${to}” now: its ${counted(count, "label")} went along. Undo takes it back.`, false);
      }
    });
    const waiting = this.images.filter((image) => image.labelName !== undefined && image.label === undefined).length;
    if (waiting > 0 && before !== undefined && !sameSource(before, source))
      this.onNotice(
        `${waiting} label${waiting === 1 ? " is of a class that is" : "s are of classes that are"} not among these: kept, and there again with the name.`,
        false,
      );
  }

  /** New names of the classes that have labels, where the person writes other names than before. */
  private async renames(before: ClassSource | undefined, after: ClassSource): Promise<Map<string, string>> {
    const none = new Map<string, string>();
    if (before?.kind !== "names" || after.kind !== "names") return none;
    const { names, open } = renamedClasses(before.names, after.names);
    const labelled = this.images.filter(({ labelName }) => labelName !== undefined && names.has(labelName)).length;
    if (!open || labelled === 0) return open ? none : names;
    const question = `${labelled} image${labelled === 1 ? " has a label" : "s have labels"} of the classes before (${before.names.join(", ")}). Are these new names of the same classes?`;
    return (await this.askWhether(question, "Same classes, new names", "Other classes")) ? names : none;
  }

  /** Makes the bank of a source and answers every image with it; `ready` runs between. */
  private async prepare(source: ClassSource, ready: () => void = () => {}): Promise<void> {
    const before = this.classes;
    this.classes = source;
    this.answering.stop();
    try {
      this.prepared = await this.engine.ask("prepare", { classes: source });
    } catch (error) {
      // an engine that ended is followed by another, which prepares this; a refusal leaves what was
      if (!(error instanceof EngineFailure && error.code === "stopped") && this.classes === source) this.classes = before;
      throw error;
    }
    for (const image of this.images) forgetAnswer(image);
    ready();
    this.showing.take(this.prepared);
    this.place(this.images);
    this.changed("classes");
    await this.answer();
  }

  /** Labels' names as places among the classes. */
  private place(images: Iterable<ImageItem>): void {
    const placeOf = classPlaces(this.prepared?.classes ?? []);
    for (const image of images) {
      const place = image.labelName === undefined ? undefined : placeOf(image.labelName);
      if (place === undefined) delete image.label;
      else image.label = place;
    }
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
    void this.findSeries();
    this.changed("images");
    this.changed("selection");
    return twice;
  }

  /** Groups DICOM files by series, those that are new after their headers were read. */
  private async findSeries(): Promise<void> {
    try {
      if (this.client === undefined || !(await this.series.read(this.images, this.client))) return;
    } catch (error) {
      // without their headers every file stands for itself
      if (!(error instanceof EngineFailure)) throw error;
    }
    this.regroup();
    this.changed("images");
  }

  private regroup(): void {
    const before = this.series.of(this.selected);
    this.series.group(this.images);
    const after = this.series.of(this.selected);
    if (before === undefined && after !== undefined) this.select(after.front);
  }

  /** Images of the gallery's tiles: those that are shown, one for each series. */
  get tiles(): readonly ImageItem[] {
    return this.series.standing(this.filter.of(this.images));
  }

  /** Takes one image away, and its series with it; the one after it, or else before it, is chosen. */
  remove(image: ImageItem): void {
    if (!this.images.includes(image)) return;
    const gone = this.series.together(image);
    const next = this.tiles.some((tile) => gone.includes(tile))
      ? beside(this.tiles, (tile) => gone.includes(tile))
      : this.filter.beside(this.images, image);
    this.takeAway(gone);
    if (this.selected !== undefined && gone.includes(this.selected)) this.selected = next;
    this.changed("images");
    this.changed("selection");
  }

  removeAll(): void {
    this.answering.stop();
    this.answering.waiting = 0;
    this.takeAway(this.images);
    this.selected = undefined;
    this.changed("images");
    this.changed("selection");
  }

  private takeAway(images: readonly ImageItem[]): void {
    if (images.length === 0) return;
    const gone = new Set(images);
    const without = () => {
      this.images.splice(0, this.images.length, ...this.images.filter((image) => !gone.has(image)));
      this.series.group(this.images);
    };
    without();
    this.record({
      what: gone.size === 1 ? `the removal of ${[...gone][0]?.name}` : `the removal of ${gone.size} images`,
      undo: () => {
        const known = new Set(this.images.map((image) => `${image.folder}/${fileKey(image.file)}`));
        const back = [...gone].filter((image) => !known.has(`${image.folder}/${fileKey(image.file)}`));
        this.images.push(...back);
        this.images.sort(byNature);
        this.series.group(this.images);
        this.place(back);
        this.selected = back[0] ?? this.selected;
        // classes may have changed meanwhile
        for (const image of back) delete image.answer;
        this.changed("images");
        this.changed("selection");
        return this.answer();
      },
      redo: () => {
        without();
        if (this.selected !== undefined && gone.has(this.selected)) this.selected = this.images[0];
        this.changed("images");
        this.changed("selection");
      },
    });
  }

  select(image: ImageItem | undefined): void {
    if (this.selected === image) return;
    this.selected = image;
    this.series.show(image);
    this.changed("selection");
  }

  /** Labels an image, with the slices of its series, with a class by its index; undefined takes the label away. */
  label(image: ImageItem, label: number | undefined): void {
    const name = label === undefined ? undefined : this.prepared?.classes[label];
    this.relabel(
      this.series.together(image).map((slice) => [slice, name]),
      `the label of ${image.name}`,
    );
  }

  /** Labels images with classes by their names. @param what what undoing takes back */
  relabel(labels: Relabelling, what: string): void {
    const changes = labels.filter(([image, name]) => image.labelName !== name);
    if (changes.length === 0) return;
    const before: Relabelling = changes.map(([image]) => [image, image.labelName]);
    const write = (list: Relabelling) => {
      for (const [image, name] of list) {
        setName(image, name);
        if (image.identity !== undefined) this.book.say(image.identity, name);
      }
      this.place(list.map(([image]) => image));
      this.changed("labels");
    };
    write(changes);
    this.record({ what, undo: () => write(before), redo: () => write(changes) });
  }

  /** An image's content is known now: its label is kept, or comes back. */
  identified(image: ImageItem, identity: Identity): void {
    image.identity = identity;
    const known = this.book.of(identity);
    if (image.labelName !== undefined) {
      if (known !== image.labelName) this.book.say(identity, image.labelName);
    } else if (known !== undefined) {
      image.labelName = known;
      this.place([image]);
      this.changed("labels");
    }
  }

  /** Takes back what was done last, or does again what was taken back last; answers what that was. */
  async step(direction: "undo" | "redo"): Promise<string | undefined> {
    const stepping = this.history[direction]();
    this.changed("history");
    return stepping;
  }

  record(step: Parameters<History["add"]>[0]): void {
    this.history.add(step);
    this.changed("history");
  }

  /** Answers what has no answer; without classes, shows what the model sees. A later call takes over from an earlier one. */
  answer(): Promise<void> {
    return this.prepared === undefined ? this.answering.look() : this.answering.answer();
  }

  /** Name and weakness of the open model, or the server and its model, to stand beside every answer. */
  get aboutModel(): string {
    const [source, answerer] = [this.choices?.source, this.prepared?.answerer];
    if (answerer !== undefined) return `${answerer.host}: model ${answerer.model.name}, bank ${answerer.bank}`;
    const weakness = source?.kind === "offered" ? source.model.summary : "files of your own, not measured here";
    return `${this.opened?.model.name ?? "no model"}: ${weakness}`;
  }

  /** images without an answer yet, while they are worked on */
  get waiting(): number {
    return this.answering.waiting;
  }

  /** How the open model was asked for. */
  get lastChoices(): OpenChoices | undefined {
    return this.choices;
  }
}

/** The one after those that are meant, else the one before them. */
function beside(images: readonly ImageItem[], meant: (image: ImageItem) => boolean): ImageItem | undefined {
  const [first, last] = [images.findIndex(meant), images.findLastIndex(meant)];
  return images[last + 1] ?? images[first - 1];
}

function setName(image: ImageItem, name: string | undefined): void {
  if (name === undefined) delete image.labelName;
  else image.labelName = name;
}

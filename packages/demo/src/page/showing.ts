// How DICOM and volumes are shown: one window and one plane for all images of the page, a frame or slice for each. What is shown in another way
// is another image to the model: it is answered anew.

import type { ShownWindow } from "@biovlm/imaging";
import type { ImageRef, Looked, PlaneName, Prepared } from "../engine/protocol.js";
import type { Change } from "./change.js";
import type { History } from "./history.js";
import type { ImageItem } from "./image-item.js";

/** The plane that volumes are cut along unasked. */
const USUAL_PLANE: PlaneName = "axial";

/** Whose images are shown. */
interface Shows {
  readonly images: readonly ImageItem[];
  readonly prepared: Prepared | undefined;
  onNotice: (text: string, bad: boolean) => void;
  changed(change: Change): void;
  answer(): Promise<void>;
  record(step: Parameters<History["add"]>[0]): void;
}

/** The window that a picture is shown in; undefined for what has none. */
export function windowOf(picture: Pick<Looked, "dicom" | "slice"> | undefined): ShownWindow | undefined {
  return picture?.dicom?.window ?? picture?.slice?.window;
}

/** Frames of a DICOM file, slices of a volume or pages of a TIFF, counted from 1; undefined of other images. */
export function frameOf(
  picture: Pick<Looked, "dicom" | "slice" | "page"> | undefined,
): { readonly frame: number; readonly frames: number } | undefined {
  return picture?.dicom ?? picture?.slice ?? picture?.page;
}

export class Showing {
  /** of grey DICOM and volumes, as a person writes it; undefined: as each file says */
  window: string | undefined;
  /** of volumes; undefined: the usual one */
  plane: PlaneName | undefined;
  /** of other grey of more than 8 bits, as a person writes it; undefined: as each file says */
  range: string | undefined;
  /** whether ultrasound is cropped to its region: as the bank that answers was learned */
  ultrasoundRegion = false;
  private readonly session: Shows;

  constructor(session: Shows) {
    this.session = session;
  }

  /** An image as the engine is asked about it: in its frame, in the window and the plane of all. */
  refOf({ id, file, frame, picture }: ImageItem): ImageRef {
    const window = picture === undefined || windowOf(picture) !== undefined ? this.window : undefined;
    const plane = picture === undefined || picture.slice !== undefined ? this.plane : undefined;
    const range = picture?.ranged !== false ? this.range : undefined;
    return {
      id,
      file,
      ...(frame === undefined ? {} : { frame }),
      ...(window === undefined ? {} : { window }),
      ...(plane === undefined ? {} : { plane }),
      ...(range === undefined ? {} : { range }),
      ...(this.ultrasoundRegion ? { ultrasoundRegion: true } : {}),
    };
  }

  /** Looks at another frame of an image; it is answered anew. The middle one is what is looked at unasked. */
  showFrame(image: ImageItem, frame: number): Promise<void> {
    if (frame === Math.floor((frameOf(image.picture)?.frames ?? 1) / 2)) delete image.frame;
    else image.frame = frame;
    return this.seeAnew([image]);
  }

  /** Shows every grey DICOM image and volume in a window, as `--window` does; undefined is each file's own. They are answered anew. */
  showWindow(window: string | undefined): Promise<void> {
    const before = this.window;
    if (before === window) return Promise.resolve();
    const { prepared } = this.session;
    if (prepared?.window !== undefined && window !== prepared.window) this.warn("window", prepared.window);
    const show = (to: string | undefined) => {
      this.window = to;
      return this.seeAnew(this.session.images.filter(({ picture }) => windowOf(picture) !== undefined));
    };
    return this.undoable("the window", [before, window], show);
  }

  /** Cuts every volume along a plane, as `--plane` does; each is shown in the middle of it. */
  showPlane(plane: PlaneName): Promise<void> {
    const before = this.plane ?? USUAL_PLANE;
    if (before === plane) return Promise.resolve();
    const { prepared } = this.session;
    if (prepared?.plane !== undefined && plane !== prepared.plane) this.warn("plane", prepared.plane);
    const show = (to: PlaneName) => {
      this.cut(to);
      return this.seeAnew(this.session.images.filter(({ picture }) => picture?.slice !== undefined));
    };
    return this.undoable("the plane", [before, plane], show);
  }

  /** Shows grey of more than 8 bits that is neither DICOM nor a volume in a range, as `--range` does; undefined is each file's own. */
  showRange(range: string | undefined): Promise<void> {
    const before = this.range;
    if (before === range) return Promise.resolve();
    const { prepared } = this.session;
    if (prepared?.range !== undefined && range !== prepared.range) this.warn("range", prepared.range);
    const show = (to: string | undefined) => {
      this.range = to;
      return this.seeAnew(this.session.images.filter(({ picture, failure }) => picture?.ranged === true || failure?.asksRange === true));
    };
    return this.undoable("the range", [before, range], show);
  }

  /** Shows what was chosen; undone in one step. */
  private undoable<Choice>(what: string, [before, after]: readonly [Choice, Choice], show: (to: Choice) => Promise<void>): Promise<void> {
    this.session.record({ what, undo: () => show(before), redo: () => show(after) });
    return show(after);
  }

  private cut(plane: PlaneName): void {
    this.plane = plane === USUAL_PLANE ? undefined : plane;
    for (const image of this.session.images) if (image.picture?.slice !== undefined) delete image.frame;
  }

  private warn(what: string, learned: string): void {
    this.session.onNotice(`The bank was learned in the ${what} ${learned}: in another one its answers are not what was measured.`, true);
  }

  /** A bank that was learned in a window, a range or a plane, or on the region of ultrasound, is asked so. */
  take({ window, plane, range, ultrasoundRegion }: Prepared): void {
    const said: string[] = [];
    const cropped = ultrasoundRegion === true;
    if (cropped !== this.ultrasoundRegion) {
      this.ultrasoundRegion = cropped;
      for (const image of this.session.images) {
        if (image.failure?.asksWhole === true) delete image.failure;
        image.stale = true;
      }
      said.push(
        cropped
          ? "This bank was learned on ultrasound cropped to its region: so are these images, and one that names no region has no answer."
          : "Ultrasound is shown whole again: these classes were not learned on its region.",
      );
    }
    if (window !== undefined && window !== this.window) {
      this.window = window;
      for (const image of this.session.images) if (windowOf(image.picture) !== undefined) image.stale = true;
      said.push(`This bank was learned in the window ${window}: grey DICOM is shown in it.`);
    }
    if (plane !== undefined && plane !== (this.plane ?? USUAL_PLANE)) {
      this.cut(plane);
      for (const image of this.session.images) if (image.picture?.slice !== undefined) image.stale = true;
      said.push(`This bank was learned on ${plane} slices: volumes are cut along that plane.`);
    }
    if (range !== undefined && range !== this.range) {
      this.range = range;
      for (const image of this.session.images) {
        if (image.failure?.asksRange === true) delete image.failure;
        if (image.picture?.ranged === true) image.stale = true;
      }
      said.push(`This bank was learned with values ${range}: other grey of more than 8 bits is shown in them.`);
    }
    if (said.length === 0) return;
    this.session.onNotice(said.join(" "), false);
    this.session.changed("view");
  }

  private seeAnew(images: readonly ImageItem[]): Promise<void> {
    for (const image of images) {
      delete image.answer;
      delete image.failure;
      // the picture stays until the new one is there; what has one frame in no window never comes here
      image.stale = true;
    }
    this.session.changed("view");
    return this.session.answer();
  }
}

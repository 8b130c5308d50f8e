// A slider through the slices of a series, the frames of a file, the slices of a volume or the pages of a TIFF; of DICOM files that belong to no series, through those
// of one folder, in the order of their names.

import type { Looked } from "../engine/protocol.js";
import { element } from "./elements.js";
import type { ImageItem } from "./image-item.js";
import type { Session } from "./session.js";
import { frameOf } from "./showing.js";

export interface SliceSlider {
  readonly root: HTMLElement;
  draw(image: ImageItem): void;
  /** One on or back; false where there is nothing to go through. */
  step(by: number): boolean;
}

export function sliceSlider(session: Session): SliceSlider {
  const range = element("input", { attributes: { type: "range", min: "1", step: "1", id: "slice" } });
  const said = element("label", { class: "quiet", attributes: { for: "slice" } });
  const root = element("div", { class: "slices", attributes: { hidden: "" } }, said, range);
  let go: ((at: number) => void) | undefined;
  range.addEventListener("input", () => go?.(Number(range.value) - 1));

  return {
    root,
    draw(image) {
      const way = wayThrough(session, image);
      root.hidden = way === undefined;
      go = way?.go;
      if (way === undefined) return;
      range.max = String(way.count);
      range.value = String(way.at + 1);
      said.textContent = way.said(way.at + 1, way.count);
    },
    step(by) {
      const to = Number(range.value) + by;
      if (go === undefined) return false;
      if (to >= 1 && to <= Number(range.max)) {
        range.value = String(to);
        go(to - 1);
      }
      return true;
    },
  };
}

/** What an image is one of. */
interface Way {
  /** counted from 0 */
  readonly at: number;
  readonly count: number;
  readonly go: (to: number) => void;
  readonly said: (number: number, count: number) => string;
}

function wayThrough(session: Session, image: ImageItem): Way | undefined {
  const series = session.series.of(image);
  const files = (list: readonly ImageItem[], said: Way["said"]): Way | undefined =>
    list.length < 2 ? undefined : { at: list.indexOf(image), count: list.length, go: (to) => session.select(list[to]), said };
  if (series !== undefined) return files(series.slices, (number, count) => `Slice ${number} of ${count} of this series`);
  const { picture } = image;
  const frame = frameOf(picture);
  if (frame === undefined) return undefined;
  if (frame.frames > 1) {
    const kind = kindOf(picture);
    // what was asked for last, where its picture is still on its way
    const at = image.stale === true ? (image.frame ?? Math.floor(frame.frames / 2)) : frame.frame - 1;
    const go = (to: number) => void session.showing.showFrame(image, to);
    return { at, count: frame.frames, go, said: (number, count) => `${kind} ${number} of ${count}` };
  }
  const beside = ({ folder, picture: other }: ImageItem) => folder === image.folder && other?.dicom !== undefined;
  const alone = session.images.filter((other) => beside(other) && session.series.of(other) === undefined);
  return files(alone, (number, count) => `File ${number} of ${count} of this folder`);
}

/** What a file is gone through by. */
function kindOf({ slice, page }: Pick<Looked, "slice" | "page"> = {}): string {
  if (slice !== undefined) return `${slice.plane} slice`.replace(/^./, (letter) => letter.toUpperCase());
  return page === undefined ? "Frame" : "Page";
}

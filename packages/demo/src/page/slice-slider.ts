// A slider through the frames of a file, or through the DICOM files of one folder: a series as it lies there, in the order of its names.

import { element } from "./elements.js";
import type { ImageItem } from "./image-item.js";
import type { Session } from "./session.js";

export interface SliceSlider {
  readonly root: HTMLElement;
  /** @param frame counted from 0; undefined for what is no DICOM */
  draw(image: ImageItem, frames: number, frame: number | undefined): void;
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
    draw(image, frames, frame) {
      const series = session.images.filter(({ folder, picture }) => folder === image.folder && picture?.dicom !== undefined);
      const many = frames > 1;
      const count = many ? frames : series.length;
      root.hidden = frame === undefined || count < 2;
      if (root.hidden) {
        go = undefined;
        return;
      }
      const at = many ? (frame ?? 0) : series.indexOf(image);
      go = many ? (to) => void session.showFrame(image, to) : (to) => session.select(series[to]);
      range.max = String(count);
      range.value = String(at + 1);
      said.textContent = many ? `Frame ${at + 1} of ${count}` : `File ${at + 1} of ${count} of this folder`;
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

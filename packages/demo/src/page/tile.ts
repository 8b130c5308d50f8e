// One tile of the gallery: what the model sees of an image, its name, its folder, what was answered, its label.

import { element, plainName, probabilityText, shortName, visibleText } from "./elements.js";
import { failureWord, type ImageItem } from "./image-item.js";
import { lastPart } from "./labelling.js";
import { paintPicture } from "./picture.js";

export interface Tile {
  /** an option of the gallery's listbox */
  readonly root: HTMLElement;
  /** @param label name of the class it is labelled with */
  /** @param slice which slice of a series it is, in words */
  draw(image: ImageItem, label: string | undefined, slice: string | undefined): void;
}

/** A tile for an image; `choose` is called when it is pressed. */
export function imageTile(image: ImageItem, choose: () => void): Tile {
  const canvas = element("canvas", { class: "thumb", attributes: { width: "1", height: "1", "aria-hidden": "true" } });
  const said = element("span", { class: "said" });
  const mark = element("span", { class: "label-mark", attributes: { hidden: "" } });
  const name = element("bdi", { class: "file-name", text: visibleText(image.name), attributes: { title: visibleText(image.name) } });
  const place = element("span", { class: "slice-place", attributes: { hidden: "" } });
  const folder = element("bdi", { class: "folder-name" });
  const root = element(
    "div",
    { class: "tile", attributes: { role: "option", id: `image-${image.id}`, "aria-selected": "false" } },
    canvas,
    mark,
    element("span", { class: "tile-text" }, folder, name, place, said),
  );
  root.addEventListener("click", choose);
  let painted: typeof image.picture;
  return {
    root,
    draw({ picture, answer, failure, folder: path }, label, slice) {
      if (picture !== undefined && picture !== painted) {
        paintPicture(canvas, picture);
        painted = picture;
      }
      folder.textContent = visibleText(lastPart(path), 80);
      folder.hidden = path === "";
      place.hidden = slice === undefined;
      place.textContent = slice ?? "";
      const top = answer?.predictions[0];
      root.classList.toggle("failed", failure !== undefined);
      if (failure !== undefined) said.textContent = failureWord(failure);
      else said.textContent = top === undefined ? "…" : `${shortName(top.class)}, ${probabilityText(top.probability)}`;
      mark.hidden = label === undefined;
      mark.textContent = label === undefined ? "" : `labelled ${plainName(label)}`;
    },
  };
}

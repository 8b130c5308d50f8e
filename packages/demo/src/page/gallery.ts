// The list of images: one tile each, with what was answered. A listbox: arrow keys move, Home and End jump, Delete is not offered.

import { byId, element, percent, plainName, visibleText } from "./elements.js";
import { paintPicture } from "./picture.js";
import type { ImageItem, Session } from "./session.js";

interface Tile {
  readonly root: HTMLElement;
  readonly canvas: HTMLCanvasElement;
  readonly said: HTMLElement;
  readonly label: HTMLElement;
  painted: boolean;
}

/** Binds the gallery of the page's markup to a session. */
export function bindGallery(session: Session): void {
  const root = byId("gallery");
  const count = byId("image-count");
  const tools = byId("gallery-tools");
  const progress = byId("gallery-progress");
  const tiles = new Map<number, Tile>();

  function tileOf(image: ImageItem): Tile {
    const known = tiles.get(image.id);
    if (known !== undefined) return known;
    const canvas = element("canvas", { class: "thumb", attributes: { width: "1", height: "1", "aria-hidden": "true" } });
    const said = element("span", { class: "said" });
    const label = element("span", { class: "label-mark", attributes: { hidden: "" } });
    const name = element("bdi", { class: "file-name", text: visibleText(image.name), attributes: { title: visibleText(image.name) } });
    const tile = element(
      "div",
      { class: "tile", attributes: { role: "option", id: `image-${image.id}`, "aria-selected": "false" } },
      canvas,
      label,
      element("span", { class: "tile-text" }, name, said),
    );
    tile.addEventListener("click", () => session.select(image));
    const made = { root: tile, canvas, said, label, painted: false };
    tiles.set(image.id, made);
    return made;
  }

  function drawTile(image: ImageItem): void {
    const tile = tileOf(image);
    if (image.picture !== undefined && !tile.painted) {
      paintPicture(tile.canvas, image.picture);
      tile.painted = true;
    }
    const top = image.answer?.predictions[0];
    tile.root.classList.toggle("failed", image.failure !== undefined);
    tile.said.textContent =
      image.failure !== undefined ? "cannot be read" : top === undefined ? "…" : `${plainName(top.class)}, ${percent(top.probability)}`;
    const labelled = image.label === undefined ? undefined : session.prepared?.classes[image.label];
    tile.label.hidden = labelled === undefined;
    tile.label.textContent = labelled === undefined ? "" : `labelled ${plainName(labelled)}`;
  }

  function drawAll(): void {
    const { images } = session;
    const wanted = new Set(images.map((i) => i.id));
    for (const [id, tile] of tiles) {
      if (wanted.has(id)) continue;
      tile.root.remove();
      tiles.delete(id);
    }
    for (const image of images) {
      const known = tiles.has(image.id);
      drawTile(image);
      if (!known) root.append(tileOf(image).root);
    }
    root.hidden = tools.hidden = images.length === 0;
    drawCounts();
  }

  function drawCounts(): void {
    const { images, waiting } = session;
    const failed = images.filter((i) => i.failure !== undefined).length;
    count.textContent = images.length === 0 ? "" : `${images.length} image${images.length === 1 ? "" : "s"}`;
    progress.textContent = waiting > 0 ? `${waiting} to go` : failed > 0 ? `${failed} cannot be read` : "";
  }

  function drawSelection(): void {
    const id = session.selected?.id;
    for (const [key, tile] of tiles) tile.root.setAttribute("aria-selected", String(key === id));
    if (id === undefined) root.removeAttribute("aria-activedescendant");
    else {
      root.setAttribute("aria-activedescendant", `image-${id}`);
      tiles.get(id)?.root.scrollIntoView({ block: "nearest" });
    }
  }

  root.addEventListener("keydown", (event) => {
    const { images, selected } = session;
    const at = selected === undefined ? -1 : images.indexOf(selected);
    const columns = Math.max(1, Math.floor(root.clientWidth / 108));
    const moves: Record<string, number> = {
      ArrowRight: at + 1,
      ArrowLeft: at - 1,
      ArrowDown: at + columns,
      ArrowUp: at - columns,
      Home: 0,
      End: images.length - 1,
    };
    const to = moves[event.key];
    if (to === undefined) return;
    event.preventDefault();
    session.select(images[Math.max(0, Math.min(images.length - 1, to))]);
  });
  byId("remove-all").addEventListener("click", () => session.removeAll());

  session.listen((change) => {
    if (change === "selection") return drawSelection();
    if (change === "images" || change === "answers" || change === "classes" || change === "labels" || change === "device") drawAll();
    if (change === "busy") drawCounts();
  });
}

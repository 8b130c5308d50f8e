// The list of images: one tile each. A listbox: arrow keys move, Home and End jump, Delete takes the chosen image away.

import { counted } from "@biovlm/files";
import { announce } from "./announcer.js";
import { byId, visibleText } from "./elements.js";
import type { ImageItem } from "./image-item.js";
import type { Session } from "./session.js";
import { imageTile, type Tile } from "./tile.js";

/** Binds the gallery of the page's markup to a session. */
export function bindGallery(session: Session): void {
  const root = byId("gallery");
  const tiles = new Map<number, Tile>();

  function drawAll(): void {
    const { images, prepared, series } = session;
    const shown = new Set(session.tiles);
    // what is filtered out keeps its tile
    const standing = series.standing(images);
    const places = [...standing, ...[...shown].filter((image) => !standing.includes(image))];
    const wanted = new Set(places.map((i) => i.id));
    for (const [id, tile] of tiles) {
      if (wanted.has(id)) continue;
      tile.root.remove();
      tiles.delete(id);
    }
    let before: HTMLElement | undefined;
    for (const image of places) {
      const tile =
        tiles.get(image.id) ??
        imageTile(image, () => {
          session.select(image);
          bringIntoView(byId("work"));
        });
      tiles.set(image.id, tile);
      tile.root.hidden = !shown.has(image);
      tile.draw(image, image.label === undefined ? undefined : prepared?.classes[image.label], sliceText(session, image));
      // later images may belong between earlier ones
      if (before === undefined ? root.firstChild !== tile.root : before.nextSibling !== tile.root)
        root.insertBefore(tile.root, before === undefined ? root.firstChild : before.nextSibling);
      before = tile.root;
    }
    root.hidden = byId("gallery-tools").hidden = images.length === 0;
    document.body.classList.toggle("images-loaded", images.length > 0);
    drawCounts(session);
  }

  function drawSelection(): void {
    const id = session.selected?.id;
    // another slice is in front of its series
    if (id !== undefined && !tiles.has(id) && session.series.of(session.selected) !== undefined) drawAll();
    for (const [key, tile] of tiles) tile.root.setAttribute("aria-selected", String(key === id));
    byId<HTMLButtonElement>("remove-one").disabled = id === undefined;
    if (id === undefined) root.removeAttribute("aria-activedescendant");
    else {
      root.setAttribute("aria-activedescendant", `image-${id}`);
      tiles.get(id)?.root.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
  }

  root.addEventListener("keydown", (event) => onKey(event, root, session));
  byId("remove-one").addEventListener("click", () => removeOne(session));
  byId("show-all").addEventListener("click", () => {
    session.filter.clear();
    session.changed("filter");
    root.focus();
  });
  byId("remove-all").addEventListener("click", () => session.removeAll());
  session.listen((change) => {
    if (change === "selection") return drawSelection();
    if (change === "filter") {
      drawAll();
      const shown = session.tiles;
      if (session.selected === undefined || !shown.includes(session.selected)) session.select(shown[0] ?? session.selected);
      announce(session.filter.text === "" ? "all images are shown" : (byId("filter-text").textContent ?? ""));
    }
    if (
      change === "images" ||
      change === "answers" ||
      change === "classes" ||
      change === "labels" ||
      change === "device" ||
      change === "view"
    )
      drawAll();
    if (change === "busy") drawCounts(session);
  });
}

/** Which slice of its series an image is. */
function sliceText({ series }: Session, image: ImageItem): string | undefined {
  const own = series.of(image);
  return own === undefined ? undefined : `slice ${own.slices.indexOf(image) + 1} of ${own.slices.length}`;
}

/** "3 images", and series apart. */
function countText({ images, series }: Session): string {
  const slices = series.all.reduce((sum, one) => sum + one.slices.length, 0);
  const single = images.length - slices;
  const parts = [
    ...(single > 0 ? [`${counted(single, "image")}`] : []),
    ...(series.all.length > 0 ? [`${series.all.length} series of ${slices} slices`] : []),
  ];
  return parts.join(", ");
}

function drawCounts(session: Session): void {
  const { images, waiting, filter } = session;
  byId("filter").hidden = filter.text === "";
  byId("filter-text").textContent = `${filter.of(images).length} of ${images.length} shown: ${visibleText(filter.text, 160)}`;
  const failed = images.filter((i) => i.failure !== undefined).length;
  byId("image-count").textContent = countText(session);
  byId("gallery-progress").textContent = waiting > 0 ? `${waiting} to go` : failed > 0 ? `${failed} cannot be read` : "";
}

function onKey(event: KeyboardEvent, root: HTMLElement, session: Session): void {
  const { selected } = session;
  const images = session.tiles;
  if (event.key === "Delete") {
    event.preventDefault();
    removeOne(session);
    return;
  }
  const at = selected === undefined ? -1 : images.indexOf(selected);
  const columns = columnsOf(root);
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
}

/** Tiles that lie beside each other: those at the height of the first. */
function columnsOf(root: HTMLElement): number {
  let [columns, top] = [0, -1];
  for (const tile of root.children) {
    if (!(tile instanceof HTMLElement) || tile.hidden) continue;
    if (columns > 0 && tile.offsetTop !== top) return columns;
    top = tile.offsetTop;
    columns++;
  }
  // a strip: down is the next one
  return 1;
}

/** In one column the answer may lie below the screen: a tap brings it up, below the strip of images. */
function bringIntoView(answer: HTMLElement): void {
  const { top } = answer.getBoundingClientRect();
  if (top > innerHeight / 2) answer.scrollIntoView({ block: "start" });
}

function removeOne(session: Session): void {
  const image: ImageItem | undefined = session.selected;
  if (image === undefined) return;
  session.remove(image);
  announce(`${visibleText(image.name, 60)} removed`);
}

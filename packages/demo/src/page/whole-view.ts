// The whole picture beside what the model sees of it: the crop drawn on it, and of DICOM and volumes the frame, the plane, the window and what the
// file says of itself. Dragging over grey DICOM and volumes sets the window, across for its width and down for its center, for all at once.

import type { View } from "../engine/protocol.js";
import { element, visibleText } from "./elements.js";
import type { ImageItem } from "./image-item.js";
import { paintPixels } from "./picture.js";
import { rangeControl } from "./range-control.js";
import type { Session } from "./session.js";
import { windowOf } from "./showing.js";
import { sliceSlider } from "./slice-slider.js";
import { windowControls } from "./window-controls.js";

/** Pixels of a drag that double the window's width, or move its center by half of it. */
const DRAG = 150;

export interface WholeView {
  readonly root: HTMLElement;
  /** Shows an image, or again the one that is shown. */
  show(image: ImageItem): void;
}

export function wholeView(session: Session): WholeView {
  const canvas = element("canvas", { class: "whole", attributes: { role: "img", width: "1", height: "1" } });
  const crop = element("div", { class: "crop", attributes: { "aria-hidden": "true" } });
  const facts = element("p", { class: "quiet", attributes: { id: "image-facts" } });
  const slices = sliceSlider(session);
  const controls = showingControls(session);
  const root = element(
    "div",
    { class: "whole-part" },
    element("div", { class: "frame whole-frame" }, canvas, crop),
    slices.root,
    ...controls.roots,
    facts,
  );
  let [shown, view]: [ImageItem?, View?] = [];
  let asked = 0;
  let [busy, again] = [false, false];
  let dragged: string | undefined;

  async function ask(): Promise<void> {
    const image = shown;
    if (image === undefined || session.opened === undefined) return;
    again = busy;
    if (busy) return;
    busy = true;
    const turn = asked;
    try {
      const { id: _, ...ref } = session.showing.refOf(image);
      const answer = await session.engine.ask("view", dragged === undefined ? ref : { ...ref, window: dragged });
      if (turn === asked) draw(image, answer);
    } catch {
      // why it cannot be read stands where the answer would
      slices.draw(image);
    } finally {
      busy = false;
      if (again) void ask();
    }
  }

  function draw(image: ImageItem, answer: View): void {
    view = answer;
    paintPixels(canvas, answer);
    layOut(canvas, crop, answer);
    canvas.setAttribute("aria-label", `The whole of ${visibleText(image.name)}`);
    const { whole, notes } = answer;
    canvas.classList.toggle("windowed", windowOf(answer) !== undefined);
    facts.textContent = factsOf(answer);
    facts.title = notes.join("; ");
    slices.draw(image);
    controls.draw(answer);
    root.dataset["size"] = `${whole.width}x${whole.height}`;
  }

  canvas.addEventListener("wheel", (event) => {
    if (slices.step(Math.sign(event.deltaY))) event.preventDefault();
  });
  dragWindow(canvas, {
    from: () => windowOf(view),
    moved(window) {
      dragged = window;
      void ask();
    },
    ended(window) {
      dragged = undefined;
      if (window === undefined) void ask();
      else void session.showing.showWindow(window);
    },
  });
  session.listen((change) => {
    if (change === "view") void ask();
  });
  return {
    root,
    show(image) {
      if (image !== shown) asked++;
      shown = image;
      void ask();
    },
  };
}

/** How what is shown may be changed: the window and the plane, or the range. */
function showingControls(session: Session) {
  const [windows, range] = [windowControls(session), rangeControl(session, "range-shown")];
  return {
    roots: [windows.root, range.root],
    draw(view: View) {
      windows.draw(view);
      range.draw(view.ranged);
    },
  };
}

/** The crop over the picture, and the picture no higher than the screen. */
function layOut(canvas: HTMLCanvasElement, crop: HTMLElement, answer: View): void {
  const { width, height } = answer;
  const side = Math.min(width, height);
  for (const [name, part] of Object.entries({
    left: (width - side) / 2 / width,
    top: (height - side) / 2 / height,
    width: side / width,
    height: side / height,
  }))
    crop.style.setProperty(name, `${(100 * part).toFixed(2)}%`);
  // no picture is higher than the screen
  canvas.parentElement?.style.setProperty("max-width", `${((24 * width) / height).toFixed(2)}rem`);
}

interface Drag {
  /** the window that is shown when the drag begins; none where nothing can be dragged */
  from(): { readonly center: number; readonly width: number } | undefined;
  /** @param window as a person writes it */
  moved(window: string): void;
  /** @param window undefined where the drag was broken off, or went nowhere */
  ended(window: string | undefined): void;
}

/** Across for the window's width, down for its center. */
function dragWindow(canvas: HTMLCanvasElement, drag: Drag): void {
  canvas.addEventListener("pointerdown", (event) => {
    const from = drag.from();
    if (from === undefined || event.button !== 0) return;
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    let window: string | undefined;
    const move = (now: PointerEvent) => {
      const width = Math.max(1, from.width * 2 ** ((now.clientX - event.clientX) / DRAG));
      window = `${number(from.center + ((now.clientY - event.clientY) / DRAG) * (from.width / 2))}/${number(width)}`;
      drag.moved(window);
    };
    const end = (up: PointerEvent) => {
      for (const name of ["pointerup", "pointercancel"] as const) canvas.removeEventListener(name, end);
      canvas.removeEventListener("pointermove", move);
      drag.ended(up.type === "pointerup" ? window : undefined);
    };
    canvas.addEventListener("pointermove", move);
    for (const name of ["pointerup", "pointercancel"] as const) canvas.addEventListener(name, end);
  });
}

function factsOf(view: View): string {
  const { whole, format, notes, dicom } = view;
  const window = windowOf(view);
  const parts = [`${format.toUpperCase()}, ${whole.width} × ${whole.height} pixels; the frame is what the model sees`];
  if (dicom?.modality !== undefined) parts.unshift(dicom.modality);
  if (window !== undefined) parts.push(`window ${number(window.center)}/${number(window.width)} (${window.source})`);
  if (dicom?.inverted === true) parts.push("low values are bright");
  return visibleText([...parts, ...(dicom?.notes ?? []), ...notes].join("; "), 600);
}

/** At most one digit after the point, as a window is written. */
function number(value: number): string {
  return value.toFixed(Math.abs(value) < 1000 ? 1 : 0).replace(/\.0$/, "");
}

// The button, the legend and the overlay of the occlusion map of the image that is shown.

import type { Classification } from "@biovlm/model";
import { EngineFailure } from "../engine/engine-client.js";
import { announce } from "./announcer.js";
import { element, plainName, probabilityText } from "./elements.js";
import type { ImageItem } from "./image-item.js";
import { paintOcclusion, paintScale } from "./picture.js";
import type { Session } from "./session.js";

/** Cells along a side. */
const GRID = 8;

/** A change of the probability that is hardly seen on the scale. */
const FAINT = 0.1;

export interface OcclusionControls {
  readonly root: HTMLElement;
  /** for this image and answer */
  offer(image: ImageItem, answer: Classification): void;
  /** takes the overlay away and stops what runs */
  reset(): void;
}

export function occlusionControls(session: Session, overlay: HTMLCanvasElement): OcclusionControls {
  const choice = element("select", { attributes: { "aria-label": "Class of the map" } });
  const button = element("button", { class: "second", text: "Where does it look?", attributes: { type: "button" } });
  const strength = element("input", {
    attributes: { type: "range", min: "0", max: "100", value: "70", "aria-label": "Strength of the overlay" },
  });
  const legend = element("p", { class: "quiet legend" });
  const scale = colourScale();
  const root = element("div", { class: "occlusion" }, element("div", { class: "row" }, choice, button), strength, scale, legend);
  let image: ImageItem | undefined;
  let work: AbortController | undefined;

  const show = () => overlay.style.setProperty("opacity", String(Number(strength.value) / 100));
  strength.addEventListener("input", show);
  choice.addEventListener("change", clear);

  function clear(): void {
    work?.abort();
    work = undefined;
    overlay.hidden = strength.hidden = scale.hidden = true;
    legend.textContent = "";
    button.disabled = false;
  }

  button.addEventListener("click", async () => {
    if (image === undefined) return;
    const { id: _, ...ref } = session.showing.refOf(image);
    const stop = new AbortController();
    clear();
    work = stop;
    button.disabled = true;
    try {
      const map = await session.engine.ask(
        "occlude",
        { ...ref, className: choice.value, grid: GRID },
        {
          signal: stop.signal,
          onProgress: (p) => {
            if (p.kind === "cells" && work === stop) legend.textContent = `covering cells, ${p.done} of ${p.total}`;
          },
        },
      );
      if (work !== stop) return;
      paintOcclusion(overlay, map);
      overlay.hidden = strength.hidden = scale.hidden = false;
      show();
      const most = map.drops.reduce((a, b) => Math.max(a, b), 0);
      const faint = map.drops.every((drop) => Math.abs(drop) < FAINT)
        ? " No cell alone changes it by a tenth, so the map is nearly empty."
        : "";
      legend.textContent = `${plainName(choice.value)}: ${probabilityText(map.probability)} with nothing covered; covering one of ${GRID}×${GRID} cells takes away up to ${pointsText(most)}.${faint} Orange: covering lowers it. Blue: covering raises it. It shows what the model used, not where a finding is.`;
      announce("The map is shown.");
    } catch (error) {
      if (work === stop)
        legend.textContent = error instanceof EngineFailure && error.code === "stopped" ? "" : String((error as Error).message);
    } finally {
      if (work === stop) button.disabled = false;
    }
  });

  return {
    root,
    offer(next, answer) {
      image = next;
      const kept = choice.value;
      const names = answer.predictions.map((p) => p.class);
      choice.replaceChildren(...names.map((name) => element("option", { text: plainName(name), attributes: { value: name } })));
      // the first is the most probable
      choice.selectedIndex = overlay.hidden ? 0 : Math.max(0, names.indexOf(kept));
    },
    reset() {
      image = undefined;
      clear();
    },
  };
}

/** What the colours stand for: the same for every image. */
function colourScale(): HTMLElement {
  const canvas = element("canvas", { class: "scale", attributes: { "aria-hidden": "true" } });
  paintScale(canvas);
  const ends = ["+100 points", "0", "−100 points"].map((text) => element("span", { text }));
  return element(
    "div",
    { class: "scale-bar", attributes: { hidden: "" } },
    element("p", { class: "quiet", text: "Change of the probability when the cell is covered, the same scale for every image:" }),
    canvas,
    element("div", { class: "scale-ends quiet" }, ...ends),
  );
}

/** A fall of a probability, in points of a hundred. */
function pointsText(fall: number): string {
  return fall > 0 && fall < 0.001 ? "less than 0.1 points" : `${(100 * fall).toFixed(1)} points`;
}

// A live chart of loss and accuracy over epochs, as SVG: two lines, one axis each. Its text says the same for screen readers.

import { drawing } from "./elements.js";

export interface LearningPoint {
  /** in epochs, fractional within one */
  readonly at: number;
  readonly loss: number;
  /** 0 to 1 */
  readonly accuracy: number;
}

const WIDTH = 560;
const HEIGHT = 200;
const BOX = { left: 40, right: 40, top: 12, bottom: 26 } as const;

/** A chart for a run of so many epochs; `draw` shows all points. */
export function learningChart(): { readonly root: SVGSVGElement; draw(points: readonly LearningPoint[], epochs: number): void } {
  const root = drawing("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    class: "chart",
    role: "img",
    "aria-label": "Nothing learned yet",
  }) as SVGSVGElement;
  return {
    root,
    draw(points, epochs) {
      const most = Math.max(1e-6, ...points.map((p) => p.loss));
      const x = (at: number) => BOX.left + (Math.min(at, epochs) / epochs) * (WIDTH - BOX.left - BOX.right);
      const y = (share: number) => BOX.top + (1 - share) * (HEIGHT - BOX.top - BOX.bottom);
      const line = (of: (p: LearningPoint) => number) => points.map((p) => `${x(p.at).toFixed(1)},${y(of(p)).toFixed(1)}`).join(" ");
      const last = points.at(-1);
      const said =
        last === undefined
          ? "Nothing learned yet"
          : `Epoch ${Math.ceil(last.at)} of ${epochs}: loss ${last.loss.toFixed(3)}, ${Math.round(last.accuracy * 100)} % of the learned images right`;
      root.setAttribute("aria-label", said);
      const grid = [0, 0.5, 1].flatMap((share) => [
        drawing("line", { x1: BOX.left, x2: WIDTH - BOX.right, y1: y(share), y2: y(share), class: "grid" }),
        drawing("text", { x: BOX.left - 6, y: y(share) + 4, class: "tick loss", "text-anchor": "end" }, (most * share).toFixed(1)),
        drawing("text", { x: WIDTH - BOX.right + 6, y: y(share) + 4, class: "tick accuracy" }, `${share * 100} %`),
      ]);
      root.replaceChildren(
        ...grid,
        drawing("text", { x: BOX.left, y: HEIGHT - 8, class: "tick" }, "epoch 0"),
        drawing("text", { x: WIDTH - BOX.right, y: HEIGHT - 8, class: "tick", "text-anchor": "end" }, String(epochs)),
        drawing("polyline", { points: line((p) => p.loss / most), class: "line loss" }),
        drawing("polyline", { points: line((p) => p.accuracy), class: "line accuracy" }),
      );
    },
  };
}

// A reliability diagram as SVG: accuracy against confidence in bins, before and after temperature scaling. Drawn by vega-lite, imported late.

import type { CalibrationFigures } from "../evaluate.js";

/** Standalone SVG text of one method's calibration; `calibrated` adds the second panel. */
export async function reliabilityDiagram(title: string, before: CalibrationFigures, calibrated?: CalibrationFigures): Promise<string> {
  const [vega, lite] = await Promise.all([import("vega"), import("vega-lite")]);
  const panel = (name: string, figures: CalibrationFigures) => ({
    title: {
      text: `${name}: ECE ${figures.ece.toFixed(3)}, Brier ${figures.brier.toFixed(3)}`,
      fontSize: 12,
      fontWeight: "normal" as const,
    },
    width: 260,
    height: 260,
    layer: [
      {
        data: { values: figures.bins.filter((b) => b.count > 0).map((b) => ({ ...b, middle: (b.from + b.to) / 2 })) },
        mark: { type: "bar" as const, color: "#4c78a8", opacity: 0.85, tooltip: null },
        encoding: {
          x: {
            field: "from",
            type: "quantitative" as const,
            scale: { domain: [0, 1] },
            title: "confidence",
            bin: { binned: true, step: 1 / figures.bins.length },
            axis: { values: [0, 0.2, 0.4, 0.6, 0.8, 1] },
          },
          x2: { field: "to" },
          y: { field: "accuracy", type: "quantitative" as const, scale: { domain: [0, 1] }, title: "share right" },
          opacity: { field: "count", type: "quantitative" as const, scale: { range: [0.35, 1] }, legend: null },
        },
      },
      {
        data: { values: [{ v: 0 }, { v: 1 }] },
        mark: { type: "line" as const, color: "#888", strokeDash: [4, 4] },
        encoding: { x: { field: "v", type: "quantitative" as const }, y: { field: "v", type: "quantitative" as const } },
      },
    ],
  });
  const spec = {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    background: "white",
    title: { text: title, subtitle: "Research use only, not a medical device", fontSize: 14 },
    hconcat: [panel("as predicted", before), ...(calibrated === undefined ? [] : [panel("after temperature scaling", calibrated)])],
  };
  const view = new vega.View(vega.parse(lite.compile(spec as never).spec), { renderer: "none" });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}

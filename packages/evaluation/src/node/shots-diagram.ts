// Lines over shots as SVG: balanced accuracy of every method on every data set, with a band of one standard deviation over seeds. Drawn by
// vega-lite, imported late. The same rows give the same picture.

import { COMMONEST_CLASS, type Row } from "../results.js";

/** Standalone SVG text for the rows of one setting; undefined where every row has the same number of shots and there is no line to draw. */
export async function shotsDiagram(title: string, rows: readonly Row[]): Promise<string | undefined> {
  const shots = [...new Set(rows.map((r) => r.shots))].sort((a, b) => a - b);
  if (shots.length < 2) return undefined;
  const [vega, lite] = await Promise.all([import("vega"), import("vega-lite")]);
  const values = rows.map(({ dataset, source, method, shots: at, balancedAccuracy: { mean, std } }) => ({
    set: source === undefined ? dataset : `${source} → ${dataset}`,
    method,
    shots: at,
    mean: 100 * mean,
    low: 100 * Math.max(0, mean - std),
    high: 100 * Math.min(1, mean + std),
  }));
  const methods = [...new Set(rows.map(({ method }) => method))];
  const x = {
    field: "shots",
    type: "quantitative" as const,
    scale: { type: "log" as const, base: 2, nice: false, padding: 6 },
    axis: { values: shots, title: "images of each class", grid: false },
  };
  const color = {
    field: "method",
    type: "nominal" as const,
    scale: { domain: methods, scheme: "tableau20" as const },
    legend: { title: "method", symbolOpacity: 1 },
  };
  const spec = {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    background: "white",
    title: { text: title, subtitle: "Research use only, not a medical device. Bands: one standard deviation over seeds", fontSize: 14 },
    data: { values },
    facet: { field: "set", type: "nominal" as const, title: null, sort: [...new Set(values.map(({ set }) => set))] },
    columns: 3,
    spec: {
      width: 230,
      height: 190,
      layer: [
        {
          mark: { type: "area" as const, opacity: 0.15, tooltip: null },
          encoding: {
            x,
            y: { field: "low", type: "quantitative" as const, scale: { zero: false }, title: "balanced accuracy in %" },
            y2: { field: "high" },
            color,
          },
        },
        {
          mark: { type: "line" as const, point: { size: 22 } },
          encoding: {
            x,
            y: { field: "mean", type: "quantitative" as const },
            color,
            strokeDash: {
              condition: { test: `datum.method === ${JSON.stringify(COMMONEST_CLASS)}`, value: [4, 3] },
              value: [1, 0],
            },
          },
        },
      ],
    },
  };
  const view = new vega.View(vega.parse(lite.compile(spec as never).spec), { renderer: "none" });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}

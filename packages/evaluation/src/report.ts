// Rows of results as Markdown and CSV: balanced accuracy and AUC first, accuracy after, the commonest class beside the methods. The text says how
// many seeds, what is left out of averages and why, and how methods were compared; no charts.

import { csvLine } from "@biovlm/datasets";
import { counted } from "@biovlm/files";
import { type Comparison, comparisonsOf } from "./comparisons.js";
import { meanStd } from "./metrics/intervals.js";
import { type Cell, COMMONEST_CLASS, type Figures, type OverSeeds, type Row, rowsOf, type Setting } from "./results.js";

const SETTINGS: Readonly<Record<Setting, string>> = {
  "few-shot": "Few-shot",
  "base-to-new": "Base-to-new, harmonic mean of base and new (base / new)",
  "cross-dataset": "Cross-dataset, on the target",
};

const FIGURES: Readonly<Record<keyof Figures, string>> = {
  balancedAccuracy: "balanced accuracy in %",
  auc: "AUC in %",
  accuracy: "accuracy in %",
};

/**
 * Every setting × shots as three tables: methods down, data sets across, mean ± std over seeds, average of the data sets without a caveat; then
 * every method against the opponent. @param against its name, chosen before looking
 */
export function markdownReport(cells: readonly Cell[], against: string): string {
  const rows = rowsOf(cells);
  const compared = comparisonsOf(cells, against);
  const lines: string[] = ["Research use only, not a medical device.", ""];
  for (const setting of Object.keys(SETTINGS) as Setting[]) {
    const ofSetting = rows.filter((r) => r.setting === setting);
    for (const shots of [...new Set(ofSetting.map((r) => r.shots))].sort((a, b) => a - b)) {
      const here = (of: { readonly setting: Setting; readonly shots: number }) => of.setting === setting && of.shots === shots;
      lines.push(...section(rows.filter(here), compared.filter(here), against), "");
    }
  }
  return `${lines.join("\n").trimEnd()}\n`;
}

function columnOf({ source, dataset }: { readonly source?: string; readonly dataset: string }): string {
  return source === undefined ? dataset : `${source} → ${dataset}`;
}

function section(rows: readonly Row[], compared: readonly Comparison[], against: string): string[] {
  const [first] = rows;
  if (first === undefined) return [];
  const seeds = Math.max(...rows.map((r) => r.seeds));
  const title = `${SETTINGS[first.setting]}, ${counted(first.shots, "shot")}, ${counted(seeds, "seed")}`;
  const caveats = new Map(rows.flatMap((r) => (r.caveat === undefined ? [] : [[columnOf(r), r.caveat] as const])));
  return [
    ...(Object.keys(FIGURES) as (keyof Figures)[]).flatMap((figure) => [
      `### ${title}: ${FIGURES[figure]}`,
      "",
      ...table(rows, figure, caveats),
      "",
    ]),
    ...[...caveats].map(([column, why]) => `\\* ${column}: ${why}; left out of the average.`),
    ...(caveats.size === 0 ? [] : [""]),
    `${COMMONEST_CLASS}: the answer that is always the commonest class of the tested images.`,
    "",
    ...comparison(rows, compared, against),
  ];
}

function table(rows: readonly Row[], figure: keyof Figures, caveats: ReadonlyMap<string, string>): string[] {
  const columns = [...new Set(rows.map(columnOf))];
  const averaged = columns.filter((c) => !caveats.has(c));
  const body = [...new Set(rows.map((r) => r.method))].map((method) => {
    const at = (column: string) => rows.find((r) => r.method === method && columnOf(r) === column);
    const values = averaged.map((c) => at(c)?.[figure].mean ?? Number.NaN);
    return `| ${method} | ${columns.map((c) => cellText(at(c), figure)).join(" | ")} | ${values.length === 0 ? "–" : percent(meanStd(values).mean)} |`;
  });
  return [
    `| method | ${columns.map((c) => (caveats.has(c) ? `${c} *` : c)).join(" | ")} | average |`,
    `|---|${columns.map(() => "---").join("|")}|---|`,
    ...body,
  ];
}

function cellText(row: Row | undefined, figure: keyof Figures): string {
  if (row === undefined) return "–";
  const value = spread(row[figure]);
  return row.base === undefined || row.new === undefined
    ? value
    : `${value} (${percent(row.base[figure].mean)} / ${percent(row.new[figure].mean)})`;
}

/** Every method against the opponent, or why there is no such table. */
function comparison(rows: readonly Row[], compared: readonly Comparison[], against: string): string[] {
  const columns = [...new Set(compared.map(columnOf))];
  if (columns.length === 0) {
    const ran = rows.some(({ method }) => method === against);
    const why = ran ? "no other method was measured on a set without a caveat" : "it was not among the methods; --against names another";
    return [`No paired test against ${against}: ${why}.`];
  }
  const body = [...new Set(compared.map(({ method }) => method))].map((method) => {
    const cells = columns.map((column) => {
      const test = compared.find((c) => c.method === method && columnOf(c) === column);
      return test === undefined ? "–" : `${signed(test.difference)}, p = ${probability(test.pHolm)}`;
    });
    return `| ${method} | ${cells.join(" | ")} |`;
  });
  const flipped = columns.map((column) => {
    const test = compared.find((c) => columnOf(c) === column);
    return `${column} ${counted(test?.images ?? 0, "image")}${test?.units === test?.images ? "" : ` in ${counted(test?.units ?? 0, "group")}`}`;
  });
  return [
    `#### Against ${against}: difference in accuracy in points, and p`,
    "",
    `| method | ${columns.join(" | ")} |`,
    `|---|${columns.map(() => "---").join("|")}|`,
    ...body,
    "",
    `Paired by image, correctness averaged over seeds; two-sided sign-flip test (${flipped.join("; ")}); p corrected by Holm over the ${columns.length === 1 ? "one set" : `${columns.length} sets`} of each method. The opponent was named before looking.`,
  ];
}

function probability(p: number): string {
  return p < 0.0001 ? p.toExponential(0) : p.toPrecision(2);
}

function signed(share: number): string {
  const points = (100 * Math.abs(share)).toFixed(1);
  return share < 0 ? `−${points}` : `+${points}`;
}

function spread({ mean, std }: OverSeeds): string {
  return Number.isNaN(mean) ? "–" : `${percent(mean)} ± ${percent(std)}`;
}

function percent(share: number): string {
  return Number.isNaN(share) ? "–" : (100 * share).toFixed(1);
}

const CSV_FIGURES = ["balancedAccuracy", "auc", "accuracy"] as const;

/** One line per row, header first; figures as shares 0 to 1, empty where there is none. With the test against the opponent on each line. */
export function csvReport(cells: readonly Cell[], against: string): string {
  const header =
    "setting,dataset,source,shots,method,seeds,balanced_accuracy,balanced_accuracy_std,auc,auc_std,accuracy,accuracy_std,ece,ece_calibrated,brier,base_balanced_accuracy,base_auc,base_accuracy,new_balanced_accuracy,new_auc,new_accuracy,against,difference,p,p_holm,caveat";
  const compared = comparisonsOf(cells, against);
  const lines = rowsOf(cells).map((r) => {
    const test = compared.find(
      (c) => c.setting === r.setting && c.dataset === r.dataset && c.source === r.source && c.shots === r.shots && c.method === r.method,
    );
    const figures = (of: Figures | undefined) => CSV_FIGURES.map((figure) => shown(of?.[figure].mean));
    return csvLine([
      r.setting,
      r.dataset,
      r.source ?? "",
      r.shots,
      r.method,
      r.seeds,
      ...CSV_FIGURES.flatMap((figure) => [shown(r[figure].mean), shown(r[figure].std)]),
      shown(r.ece?.mean),
      shown(r.eceCalibrated?.mean),
      shown(r.brier?.mean),
      ...figures(r.base),
      ...figures(r.new),
      test?.against ?? "",
      shown(test?.difference),
      shown(test?.p),
      shown(test?.pHolm),
      r.caveat ?? "",
    ]);
  });
  return `${[header, ...lines].join("\n")}\n`;
}

function shown(figure: number | undefined): string {
  return figure === undefined || Number.isNaN(figure) ? "" : String(figure);
}

// Rows of results as Markdown and CSV. The text says how many seeds, what is left out of averages and why; no charts.

import { meanStd } from "./metrics/intervals.js";
import { againstBestBaseline, type Cell, type Row, rowsOf, type Setting } from "./results.js";

const TITLES: Readonly<Record<Setting, string>> = {
  "few-shot": "Few-shot: accuracy in %",
  "base-to-new": "Base-to-new: harmonic mean of base and new accuracy in %",
  "cross-dataset": "Cross-dataset: accuracy in % on the target",
};

/** Every setting × shots as one table: methods down, data sets across, mean ± std over seeds, average of the data sets without a caveat. */
export function markdownReport(cells: readonly Cell[], mainMethod: string): string {
  const rows = rowsOf(cells);
  const lines: string[] = ["Research use only, not a medical device.", ""];
  for (const setting of Object.keys(TITLES) as Setting[]) {
    const ofSetting = rows.filter((r) => r.setting === setting);
    for (const shots of [...new Set(ofSetting.map((r) => r.shots))].sort((a, b) => a - b)) {
      lines.push(
        ...table(
          setting,
          shots,
          ofSetting.filter((r) => r.shots === shots),
          cells,
          mainMethod,
        ),
        "",
      );
    }
  }
  return `${lines.join("\n").trimEnd()}\n`;
}

function table(setting: Setting, shots: number, rows: readonly Row[], cells: readonly Cell[], mainMethod: string): string[] {
  const columnOf = (r: Row) => (r.source === undefined ? r.dataset : `${r.source} → ${r.dataset}`);
  const columns = [...new Set(rows.map(columnOf))];
  const methods = [...new Set(rows.map((r) => r.method))];
  const caveats = new Map(rows.flatMap((r) => (r.caveat === undefined ? [] : [[columnOf(r), r.caveat] as const])));
  const seeds = Math.max(...rows.map((r) => r.seeds));
  const averaged = columns.filter((c) => !caveats.has(c));
  const body = methods.map((method) => {
    const at = (column: string) => rows.find((r) => r.method === method && columnOf(r) === column);
    const values = averaged.map((c) => at(c)?.accuracy.mean);
    const average = values.length > 0 && values.every((v) => v !== undefined) ? percent(meanStd(values).mean) : "–";
    return `| ${method} | ${columns.map((c) => cellText(at(c))).join(" | ")} | ${average} |`;
  });
  const tests = columns.flatMap((column) => {
    const own = cells.filter(
      (c) => c.setting === setting && c.shots === shots && (c.source === undefined ? c.dataset : `${c.source} → ${c.dataset}`) === column,
    );
    const test = againstBestBaseline(own, mainMethod);
    return test === undefined
      ? []
      : [`${column}: against ${test.against}, right alone ${test.onlyMethod} : ${test.onlyOther}, p = ${test.p.toPrecision(2)}`];
  });
  return [
    `### ${TITLES[setting]}, ${shots} shots, ${seeds} ${seeds === 1 ? "seed" : "seeds"}`,
    "",
    `| method | ${columns.map((c) => (caveats.has(c) ? `${c} *` : c)).join(" | ")} | average |`,
    `|---|${columns.map(() => "---").join("|")}|---|`,
    ...body,
    ...(caveats.size === 0 ? [] : ["", ...[...caveats].map(([column, why]) => `\\* ${column}: ${why}; left out of the average.`)]),
    ...(tests.length === 0 ? [] : ["", `Paired McNemar test of ${mainMethod} (images of all seeds): ${tests.join("; ")}.`]),
  ];
}

function cellText(row: Row | undefined): string {
  if (row === undefined) return "–";
  const value = `${percent(row.accuracy.mean)} ± ${percent(row.accuracy.std)}`;
  return row.baseAccuracy === undefined || row.newAccuracy === undefined
    ? value
    : `${value} (${percent(row.baseAccuracy.mean)} / ${percent(row.newAccuracy.mean)})`;
}

function percent(share: number): string {
  return (100 * share).toFixed(1);
}

/** One line per row, header first; figures as shares 0 to 1. */
export function csvReport(cells: readonly Cell[]): string {
  const header =
    "setting,dataset,source,shots,method,seeds,accuracy,accuracy_std,balanced_accuracy,balanced_accuracy_std,auc,auc_std,ece,ece_calibrated,brier,base_accuracy,new_accuracy,caveat";
  const lines = rowsOf(cells).map((r) =>
    [
      r.setting,
      r.dataset,
      r.source ?? "",
      r.shots,
      r.method,
      r.seeds,
      r.accuracy.mean,
      r.accuracy.std,
      r.balancedAccuracy.mean,
      r.balancedAccuracy.std,
      r.auc.mean,
      r.auc.std,
      r.ece.mean,
      r.eceCalibrated?.mean ?? "",
      r.brier.mean,
      r.baseAccuracy?.mean ?? "",
      r.newAccuracy?.mean ?? "",
      quoted(r.caveat ?? ""),
    ].join(","),
  );
  return `${[header, ...lines].join("\n")}\n`;
}

function quoted(text: string): string {
  return text === "" ? "" : `"${text.replaceAll('"', '""')}"`;
}

// Cells beside what was published: each row's own 95 % band, whether the published figure lies in it, and the tables for a report. What decides
// no figure (when, where, how fast) stays out, so that a run that was stopped and went on writes the bytes of one that was not.

import { nth } from "@biovlm/files";
import { runDigest } from "@biovlm/training/loop";
import { meanStd } from "../metrics/intervals.js";
import { type Cell, COMMONEST_CLASS, grouped, type Row, rowsOf, type StoredEvaluation } from "../results.js";
import { BIOMEDCOOP_SUITE, PUBLISHED_FIGURES, type PublishedFigure } from "./published-figures.js";

/** Where the published figure lies. "above": this run is better than it by more than its band. */
export type Verdict = "within" | "above" | "below" | "no published figure";

/** A row of figures with its verdict; accuracies are shares, 0 to 1. */
export interface JudgedRow {
  readonly setting: Row["setting"];
  readonly dataset: string;
  readonly source?: string;
  readonly shots: number;
  readonly method: string;
  readonly seeds: number;
  readonly accuracy: number;
  readonly balancedAccuracy: number;
  /** null where a side has one class */
  readonly auc: number | null;
  /** mean ± 1.96 √(std² over seeds + p(1 − p)/n): what another draw on another test set of this size would give */
  readonly band: readonly [low: number, high: number];
  readonly verdict: Verdict;
  readonly published?: PublishedFigure;
  readonly caveat?: string;
  /** the same on test images that have no twin in train; absent where all have none, or none was looked for */
  readonly withoutTwins?: { readonly accuracy: number; readonly balancedAccuracy: number };
  /** sha256 of each seed's cell but for its time */
  readonly cells: readonly string[];
}

/** A published average over a suite of sets, and how much of the suite was run here. */
export interface SuiteAverage {
  readonly published: PublishedFigure;
  readonly method: string;
  readonly sets: readonly string[];
  readonly of: number;
  /** where all sets were run */
  readonly accuracy?: number;
}

/** A data set as it was run. */
export interface ReproducedSet {
  readonly dataset: string;
  readonly images: number;
  readonly split: string;
  /** sha256 over side, label and content of every image in order; absent where contents were not looked at */
  readonly digest?: string;
  readonly warnings: readonly string[];
}

/** Everything a reproduction says. */
export interface Reproduction {
  readonly format: "biovlm-reproduction/1";
  readonly notice: string;
  readonly program: string;
  readonly model: { readonly name: string; readonly digest: string; readonly device: string; readonly core: string };
  readonly asked: Readonly<Record<string, unknown>>;
  readonly data: readonly ReproducedSet[];
  /** sets that were not there, with the error's code */
  readonly absent: readonly { readonly dataset: string; readonly code: string }[];
  /** pairs of sets that share images */
  readonly refused: readonly string[];
  readonly rows: readonly JudgedRow[];
  readonly suites: readonly SuiteAverage[];
  /** sha256 over all the above */
  readonly digest: string;
}

/** Cells of any settings → the reproduction. The order of cells is that of the rows. */
export async function reproduction(
  cells: readonly Cell[],
  about: Pick<Reproduction, "program" | "model" | "asked" | "data" | "absent" | "refused">,
): Promise<Reproduction> {
  const rows: JudgedRow[] = [];
  for (const place of grouped(cells, ({ setting, dataset, source, shots, method }) =>
    JSON.stringify([setting, dataset, source, shots, method]),
  ))
    rows.push(await judged(place));
  const whole = {
    format: "biovlm-reproduction/1" as const,
    notice: "Research use only, not a medical device.",
    ...about,
    rows,
    suites: suiteAverages(rows),
  };
  return { ...whole, digest: await runDigest(whole) };
}

async function judged(place: readonly Cell[]): Promise<JudgedRow> {
  const first = nth(place, 0);
  const row = nth(
    rowsOf(place).filter(({ method }) => method !== COMMONEST_CLASS),
    0,
  );
  const { mean, std } = row.accuracy;
  const half = 1.96 * Math.sqrt(std ** 2 + (mean * (1 - mean)) / imagesOf(first));
  const band = [Math.max(0, mean - half), Math.min(1, mean + half)] as const;
  const published = PUBLISHED_FIGURES.find(
    (figure) =>
      figure.dataset === row.dataset &&
      figure.setting === row.setting &&
      figure.methods.includes(row.method) &&
      (figure.shots ?? row.shots) === row.shots,
  );
  const digests: string[] = [];
  for (const { seconds: _, ...cell } of place) digests.push(await runDigest({ ...cell }));
  return {
    setting: row.setting,
    dataset: row.dataset,
    ...(row.source === undefined ? {} : { source: row.source }),
    shots: row.shots,
    method: row.method,
    seeds: row.seeds,
    accuracy: mean,
    balancedAccuracy: row.balancedAccuracy.mean,
    auc: Number.isNaN(row.auc.mean) ? null : row.auc.mean,
    band,
    verdict: verdictOf(published, band),
    ...(published === undefined ? {} : { published }),
    ...(row.caveat === undefined ? {} : { caveat: row.caveat }),
    ...withoutTwins(place),
    cells: digests,
  };
}

function withoutTwins(place: readonly Cell[]): Pick<JudgedRow, "withoutTwins"> {
  const tests = place.flatMap((cell) => cell.withoutTwins?.test ?? []);
  if (tests.length < place.length) return {};
  const mean = (pick: (e: StoredEvaluation) => number) => meanStd(tests.map(pick)).mean;
  return { withoutTwins: { accuracy: mean((e) => e.accuracy), balancedAccuracy: mean((e) => e.balancedAccuracy) } };
}

function verdictOf(published: PublishedFigure | undefined, [low, high]: readonly [number, number]): Verdict {
  if (published === undefined) return "no published figure";
  const share = published.accuracy / 100;
  return share < low ? "above" : share > high ? "below" : "within";
}

/** Images that decide the row's accuracy: of base-to-new the smaller side, whose share moves the harmonic mean most. */
function imagesOf(cell: Cell): number {
  const sides = [cell.test, cell.base, cell.new].filter((side): side is StoredEvaluation => side !== undefined);
  return Math.max(1, Math.min(...sides.map((side) => side.correct.length)));
}

function suiteAverages(rows: readonly JudgedRow[]): SuiteAverage[] {
  const names = BIOMEDCOOP_SUITE.flatMap(({ name }) => (name === undefined ? [] : [name]));
  return PUBLISHED_FIGURES.filter(({ dataset }) => dataset === "suite").flatMap((published) => {
    const own = rows.filter(
      (row) =>
        row.setting === published.setting &&
        row.shots === published.shots &&
        published.methods.includes(row.method) &&
        names.includes(row.dataset),
    );
    if (own.length === 0) return [];
    const whole = own.length === BIOMEDCOOP_SUITE.length;
    return [
      {
        published,
        method: nth(own, 0).method,
        sets: own.map(({ dataset }) => dataset),
        of: BIOMEDCOOP_SUITE.length,
        ...(whole ? { accuracy: own.reduce((sum, row) => sum + row.accuracy, 0) / own.length } : {}),
      },
    ];
  });
}

/** One file to attach to a report: what was run, the tables, and the digests that say on what. */
export function reproductionReport(all: Reproduction): string {
  const { model, data, absent, refused, rows, suites } = all;
  const percent = (share: number) => (100 * share).toFixed(1);
  const settings = [...new Set(rows.map(({ setting }) => setting))];
  const lines = [
    "# Reproduction",
    "",
    all.notice,
    "",
    `${all.program}; model ${model.name} ${model.digest}; ${model.device}, core ${model.core}.`,
    `Asked: ${JSON.stringify(all.asked)}`,
    ...(model.name === "biomedclip"
      ? []
      : [
          "",
          "Published figures are BiomedCLIP's. This run's model is another one: read its verdicts as distance, not as success or failure.",
        ]),
    "",
    "| data set | images | split | digest | found |",
    "|---|---|---|---|---|",
    ...data.map(
      (set) => `| ${set.dataset} | ${set.images} | ${set.split} | ${set.digest?.slice(0, 16) ?? "–"} | ${set.warnings.join("; ") || "–"} |`,
    ),
    ...absent.map(({ dataset, code }) => `| ${dataset} | not there (${code}) | | | |`),
  ];
  for (const setting of settings) {
    lines.push(
      "",
      `## ${setting}`,
      "",
      "| tested on | shots | method | balanced | AUC | accuracy | band | published | verdict | without twins |",
      "|---|---|---|---|---|---|---|---|---|---|",
    );
    for (const row of rows.filter((one) => one.setting === setting)) {
      const on = row.source === undefined ? row.dataset : `${row.source} → ${row.dataset}`;
      const auc = row.auc === null ? "–" : percent(row.auc);
      lines.push(
        `| ${on}${row.caveat === undefined ? "" : " *"} | ${row.shots} | ${row.method} | ${percent(row.balancedAccuracy)} | ${auc} | ${percent(row.accuracy)} | ${percent(row.band[0])}–${percent(row.band[1])} | ${row.published === undefined ? "–" : row.published.accuracy.toFixed(2)} | ${row.verdict} | ${row.withoutTwins === undefined ? "–" : `${percent(row.withoutTwins.balancedAccuracy)} / ${percent(row.withoutTwins.accuracy)}`} |`,
      );
    }
    const caveats = new Map(
      rows
        .filter((one) => one.setting === setting)
        .flatMap((row) => (row.caveat === undefined ? [] : [[row.dataset, row.caveat] as const])),
    );
    for (const [dataset, caveat] of caveats) lines.push("", `\\* ${dataset}: ${caveat}.`);
  }
  if (suites.length > 0) {
    lines.push(
      "",
      "## Averages over BiomedCoOp's eleven sets",
      "",
      "| setting | shots | method | published | here |",
      "|---|---|---|---|---|",
    );
    for (const { published, method, sets, of, accuracy } of suites)
      lines.push(
        `| ${published.setting} | ${published.shots ?? "–"} | ${method} | ${published.accuracy.toFixed(2)} | ${accuracy === undefined ? `not comparable: ${sets.length} of ${of} sets (${sets.join(", ")})` : percent(accuracy)} |`,
      );
  }
  const sources = [
    ...new Set(
      [...rows.map((row) => row.published), ...suites.map((suite) => suite.published)].flatMap((figure) =>
        figure === undefined ? [] : [`${figure.source}${figure.unsaid === undefined ? "" : ` (${figure.unsaid})`}`],
      ),
    ),
  ];
  lines.push(
    "",
    'Accuracies in %, mean over seeds; of base-to-new the harmonic mean. The band is mean ± 1.96 √(variance over seeds + p(1 − p)/n); "within" means that the published figure lies in it, "below" that this run is worse. Without twins: balanced / accuracy on test images that have no near-twin, equal content or group in train.',
    ...(refused.length === 0 ? [] : ["", ...refused.map((reason) => `Left out: ${reason}`)]),
    ...(sources.length === 0 ? [] : ["", "Sources:", ...sources.map((source) => `- ${source}`)]),
    "",
    `Digest of all figures: ${all.digest}`,
  );
  return `${lines.join("\n")}\n`;
}

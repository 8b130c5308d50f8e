// Results of a sweep: one cell per (setting, data set, shots, seed, method), and how cells become tables.
// A cell is plain JSON, so that a sweep can be resumed, merged and read by other programs.

import { nth } from "@biovlm/files";
import { EvaluationError } from "./errors.js";
import type { Evaluation } from "./evaluate.js";
import { harmonicMean } from "./metrics/classification.js";
import { mcNemar, meanStd } from "./metrics/intervals.js";

/** The paper's three settings: all classes; half of them learned, both halves tested; learned on one data set, tested on another. */
export type Setting = "few-shot" | "base-to-new" | "cross-dataset";

/** An evaluation as it is stored: per-image correctness as a string of 0 and 1. */
export type StoredEvaluation = Omit<Evaluation, "correct"> & { readonly correct: string };

/** The result of one method at one place of a sweep, as it is stored and resumed from. */
export interface Cell {
  readonly format: "biovlm-cell/1";
  readonly setting: Setting;
  /** the data set tested on */
  readonly dataset: string;
  /** cross-dataset: the data set learned from */
  readonly source?: string;
  readonly shots: number;
  readonly seed: number;
  readonly method: string;
  /** few-shot and cross-dataset */
  readonly test?: StoredEvaluation;
  /** base-to-new */
  readonly base?: StoredEvaluation;
  readonly new?: StoredEvaluation;
  /** why the figure says nothing, e.g. one class on a side; such cells stay out of averages */
  readonly caveat?: string;
  readonly bank?: string;
  readonly seconds: number;
  readonly model: string;
  readonly device: string;
}

/** The evaluation as it is stored: per-image correctness as a text of 0 and 1. */
export function storedEvaluation(evaluation: Evaluation): StoredEvaluation {
  return { ...evaluation, correct: evaluation.correct.join("") };
}

/** A method's figures over seeds on one data set. Accuracies are shares, 0 to 1. */
export interface Row {
  readonly setting: Setting;
  readonly dataset: string;
  readonly source?: string;
  readonly shots: number;
  readonly method: string;
  readonly seeds: number;
  readonly accuracy: { readonly mean: number; readonly std: number };
  readonly balancedAccuracy: { readonly mean: number; readonly std: number };
  readonly auc: { readonly mean: number; readonly std: number };
  readonly ece: { readonly mean: number; readonly std: number };
  readonly eceCalibrated?: { readonly mean: number; readonly std: number };
  readonly brier: { readonly mean: number; readonly std: number };
  /** base-to-new only */
  readonly baseAccuracy?: { readonly mean: number; readonly std: number };
  readonly newAccuracy?: { readonly mean: number; readonly std: number };
  readonly caveat?: string;
}

/** Cells → one row per (setting, data set, source, shots, method), in order of first appearance. Base-to-new accuracy is the harmonic mean. */
export function rowsOf(cells: readonly Cell[]): Row[] {
  const groups = new Map<string, Cell[]>();
  for (const cell of cells) {
    const key = JSON.stringify([cell.setting, cell.dataset, cell.source, cell.shots, cell.method]);
    groups.set(key, [...(groups.get(key) ?? []), cell]);
  }
  return [...groups.values()].map((group) => {
    const first = nth(group, 0);
    const over = (pick: (e: StoredEvaluation) => number) => meanStd(group.map((c) => combined(c, pick)));
    const calibrated = group.every((c) => parts(c).every((e) => e.calibrated !== undefined));
    return {
      setting: first.setting,
      dataset: first.dataset,
      ...(first.source === undefined ? {} : { source: first.source }),
      shots: first.shots,
      method: first.method,
      seeds: group.length,
      accuracy: over((e) => e.accuracy),
      balancedAccuracy: over((e) => e.balancedAccuracy),
      auc: over((e) => e.auc),
      ece: over((e) => e.calibration.ece),
      brier: over((e) => e.calibration.brier),
      ...(calibrated ? { eceCalibrated: over((e) => e.calibrated?.ece ?? Number.NaN) } : {}),
      ...(first.setting === "base-to-new"
        ? {
            baseAccuracy: meanStd(group.map((c) => held(c, "base").accuracy)),
            newAccuracy: meanStd(group.map((c) => held(c, "new").accuracy)),
          }
        : {}),
      ...(first.caveat === undefined ? {} : { caveat: first.caveat }),
    };
  });
}

/** A paired test of one method against another on the same images, all seeds pooled. */
export interface PairedTest {
  readonly method: string;
  readonly against: string;
  readonly onlyMethod: number;
  readonly onlyOther: number;
  readonly p: number;
}

/** `method` against the best other method by mean accuracy among `cells` of one (setting, data set, shots); undefined without both. */
export function againstBestBaseline(cells: readonly Cell[], method: string): PairedTest | undefined {
  const rows = rowsOf(cells).filter((r) => r.method !== method);
  const best = rows.reduce<Row | undefined>((a, r) => (a === undefined || r.accuracy.mean > a.accuracy.mean ? r : a), undefined);
  if (best === undefined) return undefined;
  const own: string[] = [];
  const other: string[] = [];
  for (const cell of cells.filter((c) => c.method === method)) {
    const twin = cells.find((c) => c.method === best.method && c.seed === cell.seed);
    if (twin === undefined) continue;
    own.push(...parts(cell).map((e) => e.correct));
    other.push(...parts(twin).map((e) => e.correct));
  }
  if (own.length === 0) return undefined;
  const bits = (s: readonly string[]) => Array.from(s.join(""), Number);
  const { onlyA, onlyB, p } = mcNemar(bits(own), bits(other));
  return { method, against: best.method, onlyMethod: onlyA, onlyOther: onlyB, p };
}

/** The evaluation that a cell of its setting holds. @throws EvaluationError `bad_shape` for a cell that was cut */
function held(cell: Cell, name: "test" | "base" | "new"): StoredEvaluation {
  const evaluation = cell[name];
  if (evaluation === undefined)
    throw new EvaluationError(
      "bad_shape",
      `cell ${cell.setting} of ${cell.dataset} — expected figures of ${name}, got none. Run the sweep again.`,
    );
  return evaluation;
}

function parts(cell: Cell): readonly StoredEvaluation[] {
  return cell.setting === "base-to-new" ? [held(cell, "base"), held(cell, "new")] : [held(cell, "test")];
}

function combined(cell: Cell, pick: (e: StoredEvaluation) => number): number {
  const values = parts(cell).map(pick);
  return values.length === 2 ? harmonicMean(nth(values, 0), nth(values, 1)) : nth(values, 0);
}

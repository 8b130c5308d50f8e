// Results of a sweep: one cell per (setting, data set, shots, seed, method), and how cells become tables.
// A cell is plain JSON, so that a sweep can be resumed, merged and read by other programs. How methods are compared is comparisons.ts's.

import { nth } from "@biovlm/files";
import { EvaluationError } from "./errors.js";
import type { Evaluation, MajorityFigures } from "./evaluate.js";
import { harmonicMean } from "./metrics/classification.js";
import { meanStd } from "./metrics/intervals.js";

/** The paper's three settings: all classes; half of them learned, both halves tested; learned on one data set, tested on another. */
export type Setting = "few-shot" | "base-to-new" | "cross-dataset";

/** An evaluation as it is stored: per-image correctness as a string of 0 and 1. */
export type StoredEvaluation = Omit<Evaluation, "correct"> & { readonly correct: string };

/** The result of one method at one place of a sweep, as it is stored and resumed from. */
export interface Cell {
  readonly format: "biovlm-cell/2";
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
  /** the same figures without test images that have a twin, or their group, in train; present where there are such images and they were looked for */
  readonly withoutTwins?: { readonly test?: StoredEvaluation; readonly base?: StoredEvaluation; readonly new?: StoredEvaluation };
  /** where seeds are tested on different images: the place of each tested one among those of any seed, ascending; one list a part of the cell */
  readonly places?: readonly (readonly number[])[];
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

/** Mean and sample standard deviation over seeds. */
export interface OverSeeds {
  readonly mean: number;
  readonly std: number;
}

/** What tables show, in their order; shares, 0 to 1. AUC is NaN where a side has one class. */
export interface Figures {
  readonly balancedAccuracy: OverSeeds;
  readonly auc: OverSeeds;
  readonly accuracy: OverSeeds;
}

/** A method's figures over seeds on one data set; of base-to-new the harmonic mean of both sides. */
export interface Row extends Figures {
  readonly setting: Setting;
  readonly dataset: string;
  readonly source?: string;
  readonly shots: number;
  /** {@link COMMONEST_CLASS} for the constant answer */
  readonly method: string;
  readonly seeds: number;
  /** absent for the constant answer, which has no probabilities */
  readonly ece?: OverSeeds;
  readonly eceCalibrated?: OverSeeds;
  readonly brier?: OverSeeds;
  /** base-to-new only */
  readonly base?: Figures;
  readonly new?: Figures;
  readonly caveat?: string;
}

/** The row of the answer that is always the commonest class of the tested images: what a figure must beat to say anything. */
export const COMMONEST_CLASS = "commonest-class";

/**
 * Cells → one row per (setting, data set, source, shots, method), in order of first appearance, after a row {@link COMMONEST_CLASS} for each
 * (setting, data set, source, shots).
 */
export function rowsOf(cells: readonly Cell[]): Row[] {
  const places = grouped(cells, ({ setting, dataset, source, shots }) => JSON.stringify([setting, dataset, source, shots]));
  return places.flatMap((place) => {
    const first = nth(place, 0);
    const own = place.filter(({ method }) => method === first.method);
    return [
      { ...row(own, ({ majority }) => majority), method: COMMONEST_CLASS },
      ...grouped(place, ({ method }) => method).map((group) => {
        const over = (pick: (e: StoredEvaluation) => number) => meanStd(group.map((c) => combined(c, pick)));
        const calibrated = group.every((c) => partsOf(c).every((e) => e.calibrated !== undefined));
        return {
          ...row(group, (evaluation) => evaluation),
          ece: over((e) => e.calibration.ece),
          brier: over((e) => e.calibration.brier),
          ...(calibrated ? { eceCalibrated: over((e) => e.calibrated?.ece ?? Number.NaN) } : {}),
        };
      }),
    ];
  });
}

/** Items by key, in order of first appearance. */
export function grouped<T>(items: readonly T[], key: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const of = groups.get(key(item));
    if (of === undefined) groups.set(key(item), [item]);
    else of.push(item);
  }
  return [...groups.values()];
}

function row(group: readonly Cell[], of: (evaluation: StoredEvaluation) => MajorityFigures): Row {
  const first = nth(group, 0);
  const figures = (pick: (cell: Cell, figure: keyof MajorityFigures) => number): Figures => {
    const over = (figure: keyof MajorityFigures) => meanStd(group.map((cell) => pick(cell, figure)));
    return { balancedAccuracy: over("balancedAccuracy"), auc: over("auc"), accuracy: over("accuracy") };
  };
  const side = (name: "base" | "new") => figures((cell, figure) => number(of(held(cell, name))[figure]));
  return {
    setting: first.setting,
    dataset: first.dataset,
    ...(first.source === undefined ? {} : { source: first.source }),
    shots: first.shots,
    method: first.method,
    seeds: group.length,
    ...figures((cell, figure) => combined(cell, (e) => number(of(e)[figure]))),
    ...(first.setting === "base-to-new" ? { base: side("base"), new: side("new") } : {}),
    ...(first.caveat === undefined ? {} : { caveat: first.caveat }),
  };
}

/** A figure as it was: JSON keeps NaN as null. */
function number(figure: number | null): number {
  return figure ?? Number.NaN;
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

/** Evaluations of a cell: one, or base and new. @throws EvaluationError `bad_shape` for a cell that was cut */
export function partsOf(cell: Cell): readonly StoredEvaluation[] {
  return cell.setting === "base-to-new" ? [held(cell, "base"), held(cell, "new")] : [held(cell, "test")];
}

function combined(cell: Cell, pick: (e: StoredEvaluation) => number): number {
  const values = partsOf(cell).map(pick);
  return values.length === 2 ? harmonicMean(nth(values, 0), nth(values, 1)) : nth(values, 0);
}

// One method's figures on one test split: everything a reader needs to trust or doubt an accuracy.

import { nth } from "@biovlm/files";
import { auc } from "./metrics/auc.js";
import {
  brierScore,
  expectedCalibrationError,
  fitTemperature,
  negativeLogLikelihood,
  type ReliabilityBin,
  reliabilityBins,
  scaledProbabilities,
} from "./metrics/calibration.js";
import { type ClassificationMetrics, classificationMetrics, predictions } from "./metrics/classification.js";
import type { Interval } from "./metrics/intervals.js";
import { clusterInterval, wilsonInterval } from "./metrics/proportion-interval.js";

/** How far probabilities can be trusted: expected calibration error (15 bins, 0 to 1), Brier score, negative log-likelihood in nats. */
export interface CalibrationFigures {
  readonly ece: number;
  readonly brier: number;
  readonly nll: number;
  readonly bins: readonly ReliabilityBin[];
}

/** What the constant answer gets that names the commonest class of the tested images; shares are 0 to 1. */
export interface MajorityFigures {
  readonly balancedAccuracy: number;
  readonly auc: number;
  readonly accuracy: number;
}

/** All figures of one method on one test set; shares are 0 to 1. Balanced accuracy and AUC stand first: classes are seldom equally many. */
export interface Evaluation extends ClassificationMetrics {
  readonly auc: number;
  /** 95 %: Wilson's where images stand alone, a bootstrap over whole groups where lesions or patients are known */
  readonly accuracyInterval: Interval;
  readonly majority: MajorityFigures;
  readonly calibration: CalibrationFigures;
  /** fitted on validation; absent where there is no validation */
  readonly temperature?: number;
  readonly calibrated?: CalibrationFigures;
  /** [n] 1 where right, for paired tests */
  readonly correct: Uint8Array;
  /** [n] images of one lesion or patient share a number; absent where none is known */
  readonly groups?: readonly number[];
}

/** Logits and labels to be judged; validation fits the one temperature. */
export interface EvaluationInput {
  /** [n,C] */
  readonly logits: Float32Array;
  readonly labels: Int32Array;
  readonly C: number;
  readonly seed: number;
  readonly validation?: { readonly logits: Float32Array; readonly labels: Int32Array };
  /** [n] which images are of one lesion or patient: see {@link groupNumbers} */
  readonly groups?: readonly number[] | undefined;
}

/** The input without some of its rows; undefined where none is left. rows: ascending or not, each once */
export function withoutRows(input: EvaluationInput, rows: readonly number[]): EvaluationInput | undefined {
  const out = new Set(rows);
  const kept = [...input.labels.keys()].filter((i) => !out.has(i));
  if (kept.length === 0) return undefined;
  const { C } = input;
  const logits = new Float32Array(kept.length * C);
  for (const [at, i] of kept.entries()) logits.set(input.logits.subarray(i * C, i * C + C), at * C);
  const labels = Int32Array.from(kept, (i) => nth(input.labels, i));
  return { ...input, logits, labels, ...(input.groups === undefined ? {} : { groups: kept.map((i) => nth(input.groups ?? [], i)) }) };
}

/** Items → numbers that images of one group share, by first appearance: names of patients stay out of results. Undefined where no group is known. */
export function groupNumbers(items: readonly { readonly id: string; readonly group?: string }[]): readonly number[] | undefined {
  if (items.every(({ group }) => group === undefined)) return undefined;
  const numbers = new Map<string, number>();
  return items.map(({ id, group }) => {
    const key = group === undefined ? `image ${id}` : `group ${group}`;
    const number = numbers.get(key) ?? numbers.size;
    numbers.set(key, number);
    return number;
  });
}

/** The constant answer's figures on labels [n]; its AUC is a half by definition. */
export function majorityFigures(labels: ArrayLike<number>): MajorityFigures {
  const counts = new Map<number, number>();
  for (const label of Array.from(labels)) counts.set(label, (counts.get(label) ?? 0) + 1);
  return { balancedAccuracy: 1 / counts.size, auc: 0.5, accuracy: Math.max(...counts.values()) / labels.length };
}

/** Balanced accuracy, AUC, accuracy with interval, recall, confusion, calibration before and after the one temperature fitted on validation. */
export function evaluate({ logits, labels, C, seed, validation, groups }: EvaluationInput): Evaluation {
  const probabilities = scaledProbabilities(logits, C, 1);
  const predicted = predictions(probabilities, C);
  const correct = Uint8Array.from(predicted, (p, i) => (p === labels[i] ? 1 : 0));
  const figures = (temperature: number): CalibrationFigures => {
    const p = scaledProbabilities(logits, C, temperature);
    const bins = reliabilityBins(p, labels, C);
    return {
      ece: expectedCalibrationError(bins),
      brier: brierScore(p, labels, C),
      nll: negativeLogLikelihood(logits, labels, C, temperature),
      bins,
    };
  };
  const temperature =
    validation === undefined || validation.labels.length === 0 ? undefined : fitTemperature(validation.logits, validation.labels, C);
  const { count, balancedAccuracy, accuracy, ...counted } = classificationMetrics(labels, predicted, C);
  const right = correct.reduce((sum, one) => sum + one, 0);
  return {
    count,
    balancedAccuracy,
    auc: auc(probabilities, labels, C),
    accuracy,
    accuracyInterval: groups === undefined ? wilsonInterval(right, count) : clusterInterval(correct, groups, seed),
    majority: majorityFigures(labels),
    ...counted,
    calibration: figures(1),
    ...(temperature === undefined ? {} : { temperature, calibrated: figures(temperature) }),
    correct,
    ...(groups === undefined ? {} : { groups }),
  };
}

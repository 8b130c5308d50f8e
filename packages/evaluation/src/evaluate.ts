// One method's figures on one test split: everything a reader needs to trust or doubt an accuracy.

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
import { bootstrapInterval, type Interval } from "./metrics/intervals.js";

/** How far probabilities can be trusted: expected calibration error (15 bins, 0 to 1), Brier score, negative log-likelihood in nats. */
export interface CalibrationFigures {
  readonly ece: number;
  readonly brier: number;
  readonly nll: number;
  readonly bins: readonly ReliabilityBin[];
}

/** All figures of one method on one test set; shares are 0 to 1. */
export interface Evaluation extends ClassificationMetrics {
  readonly auc: number;
  /** 95 % bootstrap interval of the accuracy */
  readonly accuracyInterval: Interval;
  readonly calibration: CalibrationFigures;
  /** fitted on validation; absent where there is no validation */
  readonly temperature?: number;
  readonly calibrated?: CalibrationFigures;
  /** [n] 1 where right, for paired tests */
  readonly correct: Uint8Array;
}

/** Logits and labels to be judged; validation fits the one temperature. */
export interface EvaluationInput {
  /** [n,C] */
  readonly logits: Float32Array;
  readonly labels: Int32Array;
  readonly C: number;
  readonly seed: number;
  readonly validation?: { readonly logits: Float32Array; readonly labels: Int32Array };
}

/** Accuracy with interval, AUC, recall, confusion, calibration before and after the one temperature fitted on validation. */
export function evaluate({ logits, labels, C, seed, validation }: EvaluationInput): Evaluation {
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
  return {
    ...classificationMetrics(labels, predicted, C),
    auc: auc(probabilities, labels, C),
    accuracyInterval: bootstrapInterval(correct, seed),
    calibration: figures(1),
    ...(temperature === undefined ? {} : { temperature, calibrated: figures(temperature) }),
    correct,
  };
}

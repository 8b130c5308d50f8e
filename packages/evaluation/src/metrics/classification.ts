// Counting metrics of a classifier: confusion matrix, accuracy, recall, F1. Definitions as scikit-learn's, checked against its numbers.

import { nth } from "@biovlm/files";
import { EvaluationError } from "../errors.js";

export interface ClassificationMetrics {
  readonly count: number;
  readonly accuracy: number;
  /** mean recall over the classes that occur in the labels */
  readonly balancedAccuracy: number;
  readonly macroF1: number;
  /** per class; NaN where the class does not occur */
  readonly recall: readonly number[];
  /** [true][predicted] */
  readonly confusion: readonly (readonly number[])[];
}

/** Index of the largest probability of each row [B,C]; the lower index at a tie. */
export function predictions(probabilities: Float32Array, C: number): Int32Array {
  const B = probabilities.length / C;
  const out = new Int32Array(B);
  for (let b = 0; b < B; b++) {
    let best = 0;
    for (let c = 1; c < C; c++) if (nth(probabilities, b * C + c) > nth(probabilities, b * C + best)) best = c;
    out[b] = best;
  }
  return out;
}

/** labels and predicted [B] in 0..C−1. */
export function classificationMetrics(labels: Int32Array, predicted: Int32Array, C: number): ClassificationMetrics {
  if (labels.length === 0 || labels.length !== predicted.length) {
    throw new EvaluationError(
      "bad_shape",
      `metrics — expected as many labels as predictions and at least one, got ${labels.length} and ${predicted.length}. Check the split.`,
    );
  }
  const confusion = Array.from({ length: C }, () => new Array<number>(C).fill(0));
  for (const [i, label] of labels.entries()) {
    const row = nth(confusion, label);
    const called = nth(predicted, i);
    row[called] = nth(row, called) + 1;
  }
  let correct = 0;
  const recall: number[] = [];
  let f1 = 0;
  let f1Classes = 0;
  for (let c = 0; c < C; c++) {
    const hit = nth(nth(confusion, c), c);
    const truth = nth(confusion, c).reduce((a, b) => a + b, 0);
    const called = confusion.reduce((a, row) => a + nth(row, c), 0);
    correct += hit;
    recall.push(truth === 0 ? Number.NaN : hit / truth);
    if (truth + called > 0) {
      f1 += (2 * hit) / (truth + called);
      f1Classes++;
    }
  }
  const present = recall.filter((r) => !Number.isNaN(r));
  return {
    count: labels.length,
    accuracy: correct / labels.length,
    balancedAccuracy: present.reduce((a, b) => a + b, 0) / present.length,
    macroF1: f1 / f1Classes,
    recall,
    confusion,
  };
}

/** 2ab/(a+b); zero when both are zero. */
export function harmonicMean(a: number, b: number): number {
  return a + b === 0 ? 0 : (2 * a * b) / (a + b);
}

// How good a learned bank is on images that it did not learn from, beside what needs no learning: the commonest class and the untrained bank.
// What is wrong is said in plain words with a code: a collapse, a class that is never answered, no gain. Numbers in, numbers and words out.

import { nth } from "@biovlm/files";
import { type EvaluationInput, evaluate } from "./evaluate.js";
import { predictions } from "./metrics/classification.js";
import type { Interval } from "./metrics/intervals.js";
import { signFlipTest } from "./metrics/paired-test.js";

/** Figures of one answerer on the measured images; shares from 0 to 1. */
export interface AnswererFigures {
  readonly accuracy: number;
  /** 95 % of the accuracy: Wilson's, or a bootstrap over whole lesions or patients where they are known */
  readonly accuracyInterval: Interval;
  readonly balancedAccuracy: number;
  readonly auc: number;
  /** by class; NaN where no measured image is of it */
  readonly recall: readonly number[];
  /** by class: share of the measured images that were answered so */
  readonly answered: readonly number[];
  /** [C][C] images of the row's class that were answered with the column's */
  readonly confusion: readonly (readonly number[])[];
}

/** Something that a person must know before using the bank. Codes are stable. */
export interface LearningWarning {
  readonly code: "collapsed" | "class_never_answered" | "no_gain" | "below_majority";
  readonly message: string;
}

/** What is said of a learned bank. */
export interface LearningReport {
  readonly images: number;
  /** share of the commonest class: what the constant answer gets */
  readonly majority: number;
  readonly untrained: AnswererFigures;
  readonly learned: AnswererFigures;
  /** the image-side expert of the learned bank alone, where it has one */
  readonly expert?: AnswererFigures;
  /** paired by image, or by lesion or patient where known: p-value that learned and untrained differ in accuracy */
  readonly p: number;
  readonly warnings: readonly LearningWarning[];
}

/** What a report is made from: scores [n,C] of both on the same images. */
export interface LearningReportInput {
  readonly classes: readonly string[];
  /** [n] in 0..C−1 */
  readonly labels: Int32Array;
  readonly untrained: Float32Array;
  readonly learned: Float32Array;
  /** of the bank's image-side expert alone, where it has one */
  readonly expert?: Float32Array | undefined;
  readonly seed: number;
  /** [n] which images are of one lesion or patient, where known: flipped as one by the paired test */
  readonly groups?: readonly number[] | undefined;
}

/** One class takes so much of the answers that the others say nothing. */
const COLLAPSE = 0.95;

/** @throws EvaluationError `bad_shape` where nothing was measured */
export function learningReport(input: LearningReportInput): LearningReport {
  const { classes, labels, untrained, learned, expert, seed, groups } = input;
  const C = classes.length;
  const n = labels.length;
  const counts = new Float64Array(C);
  for (const label of labels) counts[label] = nth(counts, label) + 1;
  const majority = Math.max(...counts) / n;
  const figures = (logits: Float32Array) => figuresOf(logits, { labels, C, seed, groups });
  const [before, after] = [figures(untrained), figures(learned)];
  const right = (logits: Float32Array) => Float64Array.from(predictions(logits, C), (called, i) => (called === labels[i] ? 1 : 0));
  const { p } = signFlipTest(right(learned), right(untrained), { seed, groups });
  return {
    images: n,
    majority,
    untrained: before,
    learned: after,
    ...(expert === undefined ? {} : { expert: figures(expert) }),
    p,
    warnings: warningsOf(classes, counts, majority, before, after),
  };
}

function figuresOf(logits: Float32Array, truth: Pick<EvaluationInput, "labels" | "C" | "seed" | "groups">): AnswererFigures {
  const { accuracy, accuracyInterval, balancedAccuracy, auc, recall, confusion } = evaluate({ logits, ...truth });
  const { labels, C } = truth;
  const answered = new Float64Array(C);
  for (const called of predictions(logits, C)) answered[called] = nth(answered, called) + 1 / labels.length;
  return { accuracy, accuracyInterval, balancedAccuracy, auc, recall, answered: Array.from(answered), confusion };
}

function warningsOf(
  classes: readonly string[],
  counts: Float64Array,
  majority: number,
  untrained: AnswererFigures,
  learned: AnswererFigures,
): LearningWarning[] {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const warnings: LearningWarning[] = [];
  const present = classes.filter((_, c) => nth(counts, c) > 0).length;
  const most = learned.answered.indexOf(Math.max(...learned.answered));
  const collapsed = present > 1 && nth(learned.answered, most) >= Math.max(COLLAPSE, majority);
  if (collapsed) {
    warnings.push({
      code: "collapsed",
      message: `the bank answers ${JSON.stringify(nth(classes, most))} for ${percent(nth(learned.answered, most))} of the measured images, which are of ${present} classes: it has learned no difference. Do not use it; give more images, or check the labels.`,
    });
  } else {
    const never = classes.filter((_, c) => nth(counts, c) > 0 && nth(learned.answered, c) === 0);
    if (never.length > 0)
      warnings.push({
        code: "class_never_answered",
        message: `never answered on the measured images: ${never
          .slice(0, 10)
          .map((name) => JSON.stringify(name))
          .join(", ")}. Give more images of ${never.length === 1 ? "it" : "them"}, or leave ${never.length === 1 ? "it" : "them"} out.`,
      });
  }
  if (learned.balancedAccuracy <= untrained.balancedAccuracy && learned.balancedAccuracy < 1)
    warnings.push({
      code: "no_gain",
      message: `nothing was won over the untrained sentences: balanced accuracy ${percent(learned.balancedAccuracy)} learned, ${percent(untrained.balancedAccuracy)} untrained. The sentences alone do as well; give more images before relying on the bank.`,
    });
  if (learned.accuracy < majority)
    warnings.push({
      code: "below_majority",
      message: `the commonest class alone would be right for ${percent(majority)}, the bank is for ${percent(learned.accuracy)}: read balanced accuracy and the classes' recall, not accuracy.`,
    });
  return warnings;
}

// @biovlm/evaluation: how good a bank is, measured. Metrics, intervals, calibration, baselines, methods, few-shot tasks, sweeps and reports.

export { linearProbe } from "./baselines/linear-probe.js";
export { tipAdapter, tipAdapterF } from "./baselines/tip-adapter.js";
export { type ClassSet, type ClassTexts, classSet } from "./class-set.js";
export { type Comparison, comparisonsOf, DEFAULT_OPPONENT } from "./comparisons.js";
export { EvaluationError, type EvaluationErrorCode } from "./errors.js";
export {
  type CalibrationFigures,
  type Evaluation,
  type EvaluationInput,
  evaluate,
  groupNumbers,
  type MajorityFigures,
  withoutRows,
} from "./evaluate.js";
export { accuracyOf, type FeatureSet, type FittedClassifier } from "./feature-set.js";
export {
  baseToNewTask,
  crossDatasetTask,
  fewShotTask,
  type Task,
  type TaskOptions,
  type TaskSide,
  type TaskSource,
  type TaskTest,
  type TestOn,
} from "./few-shot-task.js";
export { type FeatureOptions, ItemImages, type ItemImagesOptions, type ReadItem } from "./item-images.js";
export {
  type AnswererFigures,
  type LearningReport,
  type LearningReportInput,
  type LearningWarning,
  learningReport,
} from "./learning-report.js";
export {
  type FittedMethod,
  METHODS,
  type Method,
  type MethodInput,
  methodNamed,
  promptMethod,
  recipeMethod,
  routed,
  type Teacher,
} from "./methods.js";
export { type Interval, meanStd } from "./metrics/intervals.js";
export { wilsonInterval } from "./metrics/proportion-interval.js";
export { csvReport, markdownReport } from "./report.js";
export { BIOMEDCOOP_SUITE, PUBLISHED_FIGURES, type PublishedFigure } from "./reproduction/published-figures.js";
export {
  type JudgedRow,
  type ReproducedSet,
  type Reproduction,
  reproduction,
  reproductionReport,
  type SuiteAverage,
  type Verdict,
} from "./reproduction/reproduction.js";
export {
  type Cell,
  COMMONEST_CLASS,
  type Figures,
  type OverSeeds,
  type Row,
  rowsOf,
  type Setting,
  type StoredEvaluation,
  storedEvaluation,
} from "./results.js";
export { itemLogits, type SliceSet } from "./slice-answers.js";
export { type SweepOptions, type SweepPlan, sweep } from "./sweep.js";
export { type Evaluations, type MethodResult, runTask, type TaskRunOptions } from "./task-run.js";
export { type ComparedImagesOptions, comparedImages } from "./twins/compared-images.js";
export {
  type ComparedImage,
  findLeaks,
  type ImagePair,
  type LeakReport,
  type LeakWarning,
  type LintItem,
  leakWarnings,
} from "./twins/leaks.js";
export { type Flip, picturePrint } from "./twins/picture-print.js";
export { type TwinPair, twinPairs } from "./twins/twin-pairs.js";
export { twinsReport } from "./twins/twins-report.js";

export { linearProbe } from "./baselines/linear-probe.js";
export { tipAdapter, tipAdapterF } from "./baselines/tip-adapter.js";
export {
  type Checkpoint,
  type CheckpointStore,
  checkpointStore,
  decodeCheckpoint,
  encodeCheckpoint,
  freshCheckpoint,
  type KeyedBytes,
  runDigest,
} from "./checkpoint.js";
export { type ClassSet, type ClassTexts, classSet } from "./class-set.js";
export { type EmbedAllOptions, embedAll, expendable, readFloats, writeFloats } from "./embedding-cache.js";
export { TrainingError, type TrainingErrorCode } from "./errors.js";
export { type CalibrationFigures, type Evaluation, type EvaluationInput, evaluate } from "./evaluate.js";
export { accuracyOf, type FeatureSet, type FittedClassifier } from "./feature-set.js";
export {
  baseToNewTask,
  crossDatasetTask,
  fewShotTask,
  type Task,
  type TaskOptions,
  type TaskSide,
  type TaskSource,
} from "./few-shot-task.js";
export { type Decode, type ItemFeatureOptions, itemFeatures, itemImage, itemPixels } from "./item-images.js";
export {
  attributeFeatures,
  type LearnContext,
  type LearnContextOptions,
  type LearnedBank,
  type LearnOptions,
  learnBank,
  learnContext,
  type TrainableModel,
  teacherSentences,
  viewPixels,
} from "./learn-bank.js";
export { type FittedMethod, METHODS, type Method, type MethodInput, methodNamed, promptMethod, routed, type Teacher } from "./methods.js";
export { bootstrapInterval, type Interval, mcNemar, meanStd } from "./metrics/intervals.js";
export { type LossTerms, type ObjectiveInput, type ObjectiveOptions, type ObjectiveResult, objective } from "./objective.js";
export {
  type Activations,
  frameLearner,
  PROMPT_SUFFIX,
  type PromptLearner,
  type PromptLearnerOptions,
  type PromptTape,
  promptLearner,
} from "./prompt-learner.js";
export { type RandomStream, randomStream } from "./random.js";
export { checkRecipe, type LossWeights, RECIPE_OPTIONS, RECIPES, type Recipe, type RecipeName, recipeWith } from "./recipe.js";
export * from "./report.js";
export * from "./results.js";
export { logLine, type RunEvent } from "./run-log.js";
export { learningRateAt } from "./schedule.js";
export { type SweepOptions, type SweepPlan, sweep } from "./sweep.js";
export { type MethodResult, runTask, type TaskRunOptions } from "./task-run.js";
export { type TeacherInput, type TeacherSignal, teach } from "./teacher.js";
export { epochBatches, initialContext, type StepReport, type TrainInput, type TrainResult, train } from "./train.js";
export {
  freshViews,
  renderViews,
  type TrainingImage,
  type ViewBankOptions,
  type ViewFeatures,
  type ViewOptions,
  type ViewSource,
  viewBank,
} from "./views.js";

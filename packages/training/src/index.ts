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
export { expendable, readFloats, writeFloats } from "./embedding-cache.js";
export { TrainingError, type TrainingErrorCode } from "./errors.js";
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
export { logLine, type RunEvent } from "./run-log.js";
export { learningRateAt } from "./schedule.js";
export { type TeacherInput, type TeacherSignal, teach } from "./teacher.js";
export { epochBatches, initialContext, type StepReport, type TrainInput, type TrainResult, train } from "./train.js";
export {
  freshViews,
  type LazyImage,
  renderViews,
  type TrainingImage,
  type ViewBankOptions,
  type ViewFeatures,
  type ViewOptions,
  type ViewSource,
  viewBank,
} from "./views.js";

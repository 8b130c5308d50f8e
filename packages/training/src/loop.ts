// @biovlm/training/loop: the parts of learning for those who put a loop together themselves: views, teacher, objective, learner, the loop,
// its state on disk, seeded randomness.

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
export { expertLogits, fitGaussianExpert, type GaussianExpert } from "./expert/gaussian-expert.js";
export { attributeFeatures, teacherSentences, viewPixels } from "./learn-bank.js";
export { fitMixture, type MixtureInput, promptRecipe } from "./mixture.js";
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
export { checkRecipe, type LossWeights } from "./recipe.js";
export { learningRateAt } from "./schedule.js";
export { meanFeature, type SliceEncoder, type Slices, sliceFeatures } from "./slices.js";
export { type TeacherInput, type TeacherSignal, teach } from "./teacher.js";
export { epochBatches, initialContext, type TrainInput, type TrainResult, train } from "./train.js";
export {
  freshViews,
  plainFeatures,
  plainPicture,
  plainViews,
  renderViews,
  type ViewBankOptions,
  type ViewFeatures,
  type ViewOptions,
  type ViewSource,
  viewBank,
} from "./views.js";

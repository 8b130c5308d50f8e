// @biovlm/training: learns a bank from labelled images by a recipe. What learning is made of, part by part, is @biovlm/training/loop.

export { TrainingError, type TrainingErrorCode } from "./errors.js";
export {
  type LearnContext,
  type LearnContextOptions,
  type LearnedBank,
  type LearnOptions,
  learnBank,
  learnContext,
  type TrainableModel,
} from "./learn-bank.js";
export { DEFAULT_RECIPE, RECIPE_OPTIONS, RECIPES, type Recipe, type RecipeName, recipeWith } from "./recipe.js";
export { logLine, type RunEvent } from "./run-log.js";
export type { StepReport } from "./train.js";
export type { LazyImage, TrainingImage } from "./views.js";

// @biovlm/engine/options: the options of this package as data, and what makes types, defaults and checks of such tables. Light: help reads it.

export { OPENING_OPTIONS } from "./open/opening-spec.js";
export { FLAG_WORDS, SERVED_WORDS } from "./options/edge-words.js";
export {
  FRAME_OPTIONS,
  type FrameChoice,
  IMAGE_LIMITS,
  IMAGE_OPTIONS,
  type ImageLimitOptions,
  type ImageOptions,
  SERVING_LIMITS,
  type ServingLimits,
} from "./options/engine-options.js";
export {
  type BooleanOption,
  filledOptions,
  type GivenOptions,
  type NumericOption,
  type OptionSchema,
  type OptionSchemas,
  type OptionsOf,
  type OptionValue,
  type StringOption,
} from "./options/option-schema.js";

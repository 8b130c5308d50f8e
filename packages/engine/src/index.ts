// @biovlm/engine: opens models and encoders, encodes images in this process or in others, keeps banks, answers. No HTTP, no command line.

export { prevalenceShares } from "./banks/prevalence-shares.js";
export { type ShownAs, type ShownDifference, shownDifferences, shownOptions } from "./banks/shown-as.js";
export type { EncodingEvent } from "./contract/encoding.js";
export type * from "./contract/engine.js";
export { EngineError, type EngineErrorCode } from "./contract/errors.js";
export { type EngineObserver, SILENT } from "./contract/observer.js";
export { createEngine, type EngineOptions, type ServedEntry } from "./create-engine.js";
export { deferredEngine, type EngineOpening } from "./deferred-engine.js";
export {
  type ClassifiedImage,
  type ClassifyImagesOptions,
  classifyImages,
  type ImageTimings,
  rowPreparation,
} from "./images/classified-images.js";
export { decodeOptions, frameStep, frameVariant } from "./images/decode-options.js";
export { encodedImages, NO_ROW } from "./images/encoded-images.js";
export { type FastImages, type FastWay, fastImages } from "./images/fast-images.js";
export { type ImageFailure, imageFailure } from "./images/image-failure.js";
export { fileSource } from "./images/image-file.js";
export { type ImageRow, imageRows, type PixelRow, type RowOptions, type RowTimings } from "./images/image-rows.js";
export type { ImageContent, ImageSource } from "./images/image-source.js";
export { MeanAnswer, type SureAnswer, type TogetherAnswer } from "./images/mean-answer.js";
export type { Preparation } from "./images/prepared-image.js";
export {
  type LeftOutSlice,
  leftOutFiles,
  loneVolume,
  type Volume,
  type VolumeOrder,
  type VolumePlace,
  volumeOrder,
} from "./images/volumes.js";
export { backendsFor } from "./open/backends.js";
export { openCore } from "./open/core.js";
export { type EncoderListeners, type OpenEncoder, openEncoder } from "./open/encoder.js";
export { imageTowers } from "./open/image-towers.js";
export { isFolder, type OpenModel, openModel } from "./open/model.js";
export type { OpeningSpec } from "./open/opening-spec.js";
export { openRuntime, type Runtime } from "./open/runtime.js";
export { collectLessOften } from "./process/collections.js";
export { ignoreDebugSignal } from "./process/debug-signal.js";
export { mainThreadFirst } from "./process/thread-priority.js";
export { cpuQuota, usableCpus } from "./process/usable-cpus.js";

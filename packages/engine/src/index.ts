// @biovlm/engine: opens models and encoders, encodes images in this process or in others, keeps banks, answers. No HTTP, no command line.

export type { BankFile } from "./banks/bank-files.js";
export type { EncodingEvent } from "./contract/encoding.js";
export type * from "./contract/engine.js";
export { EngineError, type EngineErrorCode } from "./contract/errors.js";
export { type EngineObserver, SILENT } from "./contract/observer.js";
export { createEngine, type EngineOptions, type ServedEntry } from "./create-engine.js";
export { ServingLimits } from "./engine-options.js";
export { backendsFor } from "./open/backends.js";
export { openCore } from "./open/core.js";
export { type EncoderListeners, type OpenEncoder, openEncoder } from "./open/encoder.js";
export { isFolder, type OpenModel, openModel } from "./open/model.js";
export type { OpeningSpec } from "./open/opening-spec.js";
export { collectLessOften } from "./process/collections.js";
export { mainThreadFirst } from "./process/thread-priority.js";

// @biovlm/model: a frozen vision-language model, prompt banks, and the classifier that routes between prompts.
// Beside it: ./backend (to write a backend), ./backbone (to add a family of models, to read weights), ./prompts (to learn), ./node, ./testing.

export type { ModelTexts } from "./backbones/backbone.js";
export { loadModel, type Model, type ModelFiles, type ModelOptions, scaleOf } from "./backbones/load-model.js";
export {
  type BankTensor,
  bankDigest,
  checkBankFits,
  normalisationOf,
  type PromptBank,
  promptCount,
  promptNames,
  readBank,
  sha256,
  writeBank,
} from "./banks/bank.js";
export { compileBank } from "./banks/compile-bank.js";
export { attributeBank, DEFAULT_TEMPLATES, templateBank } from "./banks/zero-shot.js";
export {
  type Classification,
  type Classifier,
  type ClassifierParts,
  type ClassifyOptions,
  createClassifier,
  type PromptAnswer,
} from "./classify/classifier.js";
export {
  type Capabilities,
  type Device,
  type Embeddings,
  type Encoder,
  type EncoderBackend,
  KNOWN_DEVICES,
  type Probe,
  type RunOptions,
} from "./contract/encoder.js";
export { EncoderError, type EncoderErrorCode, ModelError, type ModelErrorCode } from "./contract/errors.js";
export type { ModelSpec } from "./contract/model-spec.js";
export { type Normalisation, pixelSpec } from "./contract/pixel-spec.js";
export { chooseBackend, probeBackends } from "./encoding/choose-backend.js";
export { type DeviceChange, openWithFailover } from "./encoding/failover-encoder.js";

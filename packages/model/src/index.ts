export type { Backbone, ModelTexts, TextInput } from "./backbones/backbone.js";
export { biomedclip } from "./backbones/biomedclip/biomedclip.js";
export { expectedShapes } from "./backbones/biomedclip/spec.js";
export { KNOWN_BACKBONES } from "./backbones/known-backbones.js";
export {
  assembleModel,
  loadModel,
  type Model,
  type ModelFiles,
  type ModelOptions,
  modelGraphs,
  type ReadModel,
  readModel,
  scaleOf,
} from "./backbones/load-model.js";
export { modelDigest } from "./backbones/model-digest.js";
export {
  BANK_FORMAT,
  type BankTensor,
  bankDigest,
  checkBank,
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
export {
  type ClassTokens,
  checkClasses,
  classTokens,
  encodeSentences,
  type FrozenEmbedding,
  type PromptFrame,
  type PromptModel,
  type PromptTokenizer,
  paddedRows,
  promptFrame,
} from "./banks/prompts.js";
export { attributeBank, DEFAULT_TEMPLATES, templateBank, type ZeroShotContext } from "./banks/zero-shot.js";
export {
  type Classification,
  type Classifier,
  type ClassifierParts,
  type ClassifyOptions,
  createClassifier,
  type PromptAnswer,
} from "./classify/classifier.js";
export type { Capabilities, Device, Embeddings, Encoder, EncoderBackend, Probe, PromptRows, RunOptions, Tape } from "./contract/encoder.js";
export {
  type ArtifactForm,
  type EncoderGraphs,
  type OnnxArtifact,
  type PromptGradientGraphs,
  TOWER_IO,
} from "./contract/encoder-graphs.js";
export { EncoderError, type EncoderErrorCode, ModelError, type ModelErrorCode } from "./contract/errors.js";
export type { ModelSpec, TextSpec, VisionSpec } from "./contract/model-spec.js";
export { type Normalisation, pixelSpec } from "./contract/pixel-spec.js";
export type { PromptFrameRule, TokenEmbedding } from "./contract/prompt-frame.js";
export { type BackendChoice, chooseBackend, type ProbedBackend, probeBackends } from "./encoding/choose-backend.js";
export { type DeviceChange, type FailoverOptions, type GraphsFor, openWithFailover } from "./encoding/failover-encoder.js";
export { memoisedOpen } from "./encoding/memoised-open.js";
export { PROBE_IO, probeModel, probeRefusal } from "./encoding/probe-model.js";
export { RunQueue } from "./encoding/run-queue.js";
export { SELF_TEST_EMBEDDING, selfTest } from "./encoding/self-test.js";
export { type RuntimeTensor, type TowerRuntime, type TowerSession, towerEncoder } from "./encoding/tower-encoder.js";
export { cleanText } from "./text/text-cleaning.js";
export { type WordVectors, wordVectors } from "./text/word-table.js";
export { loadTokenizer, type Tokenizer, type TokenizerFiles, type TokenizerOptions, type TokenRows } from "./text/wordpiece.js";
export { checkReferences, externalReferences } from "./towers/artifact-references.js";
export { type PlaceBeside, type TowerSource, towerArtifacts } from "./towers/tower-artifacts.js";
export {
  layOutSafetensors,
  openSafetensors,
  type Safetensors,
  type SafetensorsDtype,
  type SafetensorsLayout,
  type SafetensorsTensor,
  safetensorsChunks,
  type TensorToWrite,
  writeSafetensors,
} from "./weights/safetensors.js";
export { type StateDict, safetensorsStateDict, stateDictOf, type WeightTensor, weightTensor } from "./weights/state-dict.js";
export { toFloat32 } from "./weights/to-float32.js";
export { looksLikeTorch, openTorch, type TorchOptions } from "./weights/torch-checkpoint.js";

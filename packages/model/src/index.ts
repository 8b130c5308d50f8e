export { checkReferences, externalReferences } from "./artifact-references.js";
export {
  BANK_FORMAT,
  type BankTensor,
  bankDigest,
  checkBank,
  checkBankFits,
  type PromptBank,
  promptCount,
  promptNames,
  readBank,
  sha256,
  writeBank,
} from "./bank.js";
export { type ByteSource, bytesSource } from "./byte-source.js";
export { type ByteStore, checkKey, memoryStore } from "./byte-store.js";
export { type BackendChoice, chooseBackend, type ProbedBackend, probeBackends } from "./choose-backend.js";
export {
  type Classification,
  type Classifier,
  type ClassifierParts,
  type ClassifyOptions,
  createClassifier,
  type PromptAnswer,
} from "./classifier.js";
export { compileBank } from "./compile-bank.js";
export type { Capabilities, Device, Embeddings, Encoder, EncoderBackend, Probe, PromptRows, RunOptions, Tape } from "./encoder.js";
export { type ArtifactForm, type EncoderGraphs, type OnnxArtifact, type PromptGradientGraphs, TOWER_IO } from "./encoder-graphs.js";
export { EncoderError, type EncoderErrorCode, ModelError, type ModelErrorCode } from "./errors.js";
export { type DeviceChange, type FailoverOptions, type GraphsFor, openWithFailover } from "./failover-encoder.js";
export { imageTower, type TowerOptions } from "./image-tower.js";
export { assembleModel, loadModel, type Model, type ModelFiles, type ModelOptions, type ModelTexts, scaleOf } from "./load-model.js";
export { memoisedOpen } from "./memoised-open.js";
export { modelDigest } from "./model-digest.js";
export { checkName, NAME_PATTERN } from "./names.js";
export { type Normalisation, normalisationOf, pixelSpec } from "./pixel-spec.js";
export { PROBE_IO, probeModel, probeRefusal } from "./probe-model.js";
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
} from "./prompts.js";
export { RunQueue } from "./run-queue.js";
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
} from "./safetensors.js";
export { SELF_TEST_EMBEDDING, selfTest } from "./self-test.js";
export { expectedShapes, type ModelSpec, readSpec, type TextSpec, type VisionSpec } from "./spec.js";
export { type StateDict, safetensorsStateDict, stateDictOf, type WeightTensor, weightTensor } from "./state-dict.js";
export { isJsonObject, type Json, type JsonObject, parseStrictJson } from "./strict-json.js";
export { cleanText } from "./text-cleaning.js";
export { type TextTowerOptions, textTower } from "./text-tower.js";
export { toFloat32 } from "./to-float32.js";
export { loadTokenizer, type Tokenizer, type TokenizerFiles, type TokenizerOptions, type TokenRows } from "./tokenizer.js";
export { looksLikeTorch, openTorch, type TorchOptions } from "./torch-checkpoint.js";
export { type PlaceBeside, type TowerSource, towerArtifacts } from "./tower-artifacts.js";
export { type RuntimeTensor, type TowerRuntime, type TowerSession, towerEncoder } from "./tower-encoder.js";
export type { TowerWeights } from "./weight-view.js";
export { type WordVectors, wordVectors } from "./word-table.js";
export { attributeBank, DEFAULT_TEMPLATES, templateBank, type ZeroShotContext } from "./zero-shot.js";

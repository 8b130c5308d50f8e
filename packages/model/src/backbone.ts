// @biovlm/model/backbone: families of models as values, and what reading one takes — state dicts, safetensors and torch files, tokenizers,
// towers. How to add one: CONTRIBUTING.md, "Add a model".

export type { Backbone, ModelTexts, TextInput } from "./backbones/backbone.js";
export { biomedclip } from "./backbones/biomedclip/biomedclip.js";
export { expectedShapes } from "./backbones/biomedclip/spec.js";
export { KNOWN_BACKBONES } from "./backbones/known-backbones.js";
export { assembleModel, modelGraphs, type ReadModel, readModel } from "./backbones/load-model.js";
export { modelDigest } from "./backbones/model-digest.js";
export type { ModelSpec, TextSpec, VisionSpec } from "./contract/model-spec.js";
export type { PromptFrameRule, TokenEmbedding } from "./contract/prompt-frame.js";
export { cleanText } from "./text/text-cleaning.js";
export { type WordTable, type WordVectors, wordVectors } from "./text/word-table.js";
export { loadTokenizer, type Tokenizer, type TokenizerFiles, type TokenizerOptions, type TokenRows } from "./text/wordpiece.js";
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

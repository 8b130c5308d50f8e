// A model ready to use: sizes, tokenizer, weights and towers put together from the files of a model folder, wherever they came from.
// In Node, node/load-model-folder.ts reads a folder without taking the weights into memory.

import type { EncoderGraphs } from "../contract/encoder-graphs.js";
import type { ModelSpec } from "../contract/model-spec.js";
import { wordVectors } from "../text/word-table.js";
import { loadTokenizer, type Tokenizer, type TokenizerFiles } from "../text/wordpiece.js";
import { type PlaceBeside, towerArtifacts } from "../towers/tower-artifacts.js";
import { modelDigest } from "../weights/model-digest.js";
import { openSafetensors } from "../weights/safetensors.js";
import { type StateDict, safetensorsStateDict } from "../weights/state-dict.js";
import { looksLikeTorch, openTorch } from "../weights/torch-checkpoint.js";
import { openClipLayout } from "./hf-layout.js";
import { readSpec } from "./spec.js";

/** A loaded model. It holds what towers and prompts are made of; a backend opens `graphs`. */
export interface Model {
  readonly name: string;
  /** "sha256:…": the identity banks name */
  readonly digest: string;
  readonly spec: ModelSpec;
  readonly tokenizer: Tokenizer;
  /** BiomedCLIP's key layout, float32 */
  readonly weights: StateDict;
  readonly graphs: EncoderGraphs;
}

/** Texts beside the weights. */
export interface ModelTexts extends TokenizerFiles {
  /** open_clip_config.json */
  readonly openClipConfig: string;
  /** config.json, where head counts are there */
  readonly configJson?: string;
}

export interface ModelOptions {
  readonly name: string;
  /** Arithmetic of the towers: "fp32" unless said. */
  readonly precision?: EncoderGraphs["precision"];
  /** The model's digest where it is already known and verified; else it is computed. */
  readonly digest?: string;
}

/** A model folder's files in memory. */
export interface ModelFiles extends ModelTexts {
  /** the weights: a safetensors file, or one of torch.save */
  readonly weights: Uint8Array;
}

/**
 * Loads a model from bytes.
 * @throws ModelError (rejects) as the readers of weights, config and tokenizer do
 * @example const model = await loadModel({ weights, openClipConfig, tokenizerJson }, { name: "tiny" });
 */
export async function loadModel(files: ModelFiles, options: ModelOptions): Promise<Model> {
  const { weights } = files;
  const stored = looksLikeTorch(weights.subarray(0, 16)) ? openTorch(weights) : safetensorsStateDict(openSafetensors(weights));
  return assembleModel(stored, files, options);
}

/** Puts a model together from weights that are already opened. */
export async function assembleModel(
  stored: StateDict,
  texts: ModelTexts,
  { name, precision = "fp32", digest, placeBeside }: ModelOptions & { readonly placeBeside?: PlaceBeside },
): Promise<Model> {
  const weights = openClipLayout(stored);
  const spec = readSpec(weights, texts.openClipConfig, texts.configJson === undefined ? {} : { configJson: texts.configJson });
  const tokenizer = loadTokenizer(texts, spec.text.contextLength);
  const known = digest ?? (await modelDigest(spec, weights));
  const graphs = towerArtifacts({
    weights,
    spec,
    digest: known,
    precision,
    wordVectors: wordVectors(weights, spec),
    ...(placeBeside === undefined ? {} : { placeBeside }),
  });
  return { name, digest: known, spec, tokenizer, weights, graphs };
}

/** s = exp(logit scale), the factor on cosines. */
export function scaleOf(spec: Pick<ModelSpec, "logitScale">): number {
  return Math.exp(spec.logitScale);
}

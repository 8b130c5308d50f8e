// A model ready to use: sizes, tokenizer, weights and towers put together from the files of a model folder, wherever they came from, by the
// family that recognises them. In Node, node/load-model-folder.ts reads a folder without taking the weights into memory.

import { quoted } from "@biovlm/files";
import type { EncoderGraphs } from "../contract/encoder-graphs.js";
import { ModelError } from "../contract/errors.js";
import type { ModelSpec } from "../contract/model-spec.js";
import type { PromptFrameRule, TokenEmbedding } from "../contract/prompt-frame.js";
import { wordVectors } from "../text/word-table.js";
import type { Tokenizer } from "../text/wordpiece.js";
import { type KeptTowers, type PlaceBeside, towerArtifacts } from "../towers/tower-artifacts.js";
import { openSafetensors } from "../weights/safetensors.js";
import { type StateDict, safetensorsStateDict } from "../weights/state-dict.js";
import { looksLikeTorch, openTorch } from "../weights/torch-checkpoint.js";
import type { Backbone, ModelTexts } from "./backbone.js";
import { KNOWN_BACKBONES } from "./known-backbones.js";
import { modelDigest } from "./model-digest.js";

/** A loaded model. It holds what towers and prompts are made of; a backend opens `graphs`. */
export interface Model {
  readonly name: string;
  /** The family that reads it, e.g. "biomedclip". */
  readonly backbone: string;
  /** "sha256:…": the identity banks name */
  readonly digest: string;
  readonly spec: ModelSpec;
  readonly tokenizer: Tokenizer;
  /** Where context vectors stand in a text. */
  readonly frame: PromptFrameRule;
  /** The embedding layer on word vectors, for banks learned with `embedding: "released"`; absent where the family has none to show. */
  readonly embedTokens?: TokenEmbedding;
  readonly graphs: EncoderGraphs;
}

/** How a model is loaded. */
export interface ModelOptions {
  readonly name: string;
  /** Arithmetic of the towers: "fp32" unless said. */
  readonly precision?: EncoderGraphs["precision"];
  /** The model's digest where it is already known and verified; else it is computed. */
  readonly digest?: string;
  /** The families asked, in order; those of this package unless given. */
  readonly backbones?: readonly Backbone[];
  /** Where towers in reduced precision are looked for before they are computed, and kept. Nowhere unless given. */
  readonly kept?: KeptTowers;
}

/** A model folder's files in memory. */
export interface ModelFiles {
  /** the weights: a safetensors file, or one of torch.save */
  readonly weights: Uint8Array;
  /** what lies beside them, by file name */
  readonly texts: ModelTexts;
}

/**
 * Loads a model from bytes.
 * @throws ModelError (rejects) as the readers of weights, config and tokenizer do; `unsupported_model` where no family recognises it
 * @example const texts = { "open_clip_config.json": config, "tokenizer.json": tokenizer };
 * const model = await loadModel({ weights, texts }, { name: "tiny" });
 */
export async function loadModel({ weights, texts }: ModelFiles, options: ModelOptions): Promise<Model> {
  const stored = looksLikeTorch(weights.subarray(0, 16)) ? openTorch(weights) : safetensorsStateDict(openSafetensors(weights));
  return assembleModel(stored, texts, options);
}

/** The first family that recognises a checkpoint. @throws ModelError `unsupported_model` with the list of those that were asked */
export function recognise(keys: readonly string[], texts: ModelTexts, backbones: readonly Backbone[] = KNOWN_BACKBONES): Backbone {
  const found = backbones.find((backbone) => backbone.recognises(keys, texts));
  if (found !== undefined) return found;
  const some = keys.slice(0, 3).map(quoted).join(", ") || "no tensors";
  const known = backbones.map(({ name, about }) => `${name} (${about})`).join("; ") || "none";
  throw new ModelError(
    "unsupported_model",
    `weights — expected a model of a known family, got ${some}. Families that are read: ${known}. Bring one of these, or add a family.`,
  );
}

/** A checkpoint's weights in its family's own keys, with its sizes: what towers are built from. */
export interface ReadModel {
  readonly backbone: Backbone;
  readonly weights: StateDict;
  readonly spec: ModelSpec;
}

/**
 * Recognises, renames and checks a checkpoint; no tower is built.
 * @throws ModelError `unsupported_model`, `missing_file` for a text that the family cannot do without, and as its readers do
 */
export function readModel(stored: StateDict, texts: ModelTexts, backbones?: readonly Backbone[]): ReadModel {
  const backbone = recognise(stored.keys(), texts, backbones);
  requireFiles(backbone, (file) => texts[file] !== undefined, "model");
  const weights = backbone.layout(stored);
  return { backbone, weights, spec: backbone.spec(weights, texts) };
}

/** @throws ModelError `missing_file` for a text that the family cannot do without; `what` names the model */
export function requireFiles(backbone: Backbone, has: (file: string) => boolean, what: string): void {
  const missing = backbone.required.find((files) => !files.some(has));
  if (missing === undefined) return;
  throw new ModelError(
    "missing_file",
    `${what} — expected ${missing.join(" or ")} beside the weights, got none. Copy the file of the same model there.`,
  );
}

/** The towers of a checkpoint that was read, as a backend opens them. */
export function modelGraphs(
  { backbone, weights, spec }: ReadModel,
  {
    digest,
    precision = "fp32",
    placeBeside,
    kept,
  }: Pick<ModelOptions, "precision" | "kept"> & { readonly digest: string; readonly placeBeside?: PlaceBeside | undefined },
): EncoderGraphs {
  return towerArtifacts({
    image: () => backbone.image(weights, spec),
    imageWeights: backbone.imageWeights?.bind(backbone, weights),
    text: () => backbone.text(weights, spec, { input: "embeddings" }),
    spec,
    digest,
    precision,
    wordVectors: wordVectors(backbone.words(weights)),
    placeBeside,
    kept,
  });
}

/** What a host of files brings beside the options. */
export interface AssembleOptions extends ModelOptions {
  readonly placeBeside?: PlaceBeside;
  /** Computes the digest where `digest` does not say it; modelDigest unless given. */
  readonly digestOf?: (read: ReadModel) => Promise<string>;
}

/** Puts a model together from weights that are already opened. */
export async function assembleModel(stored: StateDict, texts: ModelTexts, options: AssembleOptions): Promise<Model> {
  const read = readModel(stored, texts, options.backbones);
  const { backbone, weights, spec } = read;
  // the longest piece of work in one go, while a server answers others
  await othersFirst();
  const tokenizer = backbone.tokenizer(texts, spec);
  await othersFirst();
  const { name, precision, placeBeside, kept, digestOf = () => modelDigest(spec, weights) } = options;
  const digest = options.digest ?? (await digestOf(read));
  const graphs = modelGraphs(read, {
    digest,
    ...(precision === undefined ? {} : { precision }),
    ...(kept === undefined ? {} : { kept }),
    placeBeside,
  });
  const embedTokens = backbone.embedTokens?.(weights, spec);
  return {
    name,
    backbone: backbone.name,
    digest,
    spec,
    tokenizer,
    frame: backbone.frame,
    ...(embedTokens === undefined ? {} : { embedTokens }),
    graphs,
  };
}

/** Whatever waits for this thread has its turn: a promise that is settled gives none. */
const othersFirst = () => new Promise<void>((resolve) => setTimeout(resolve));

/** s = exp(logit scale), the factor on cosines. */
export function scaleOf(spec: Pick<ModelSpec, "logitScale">): number {
  return Math.exp(spec.logitScale);
}

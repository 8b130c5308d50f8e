// What a family of dual encoders is to the rest of the package: how its files are recognised and read, and how its towers are built. A new family
// is one folder beside this file and one row in known-backbones.ts; nothing outside names a key of a checkpoint.
// How pixels are normalised and how scores are scaled is data, so `spec` carries it (mean, std, logitScale) and no code asks the family again.

import type { Graph } from "@biovlm/graph";
import type { ModelSpec } from "../contract/model-spec.js";
import type { PromptFrameRule, TokenEmbedding } from "../contract/prompt-frame.js";
import type { WordTable } from "../text/word-table.js";
import type { Tokenizer } from "../text/wordpiece.js";
import type { StateDict } from "../weights/state-dict.js";
import type { TowerWeights } from "../weights/weight-view.js";

/** Texts beside the weights: file name → its text, e.g. "open_clip_config.json". */
export type ModelTexts = Readonly<Record<string, string>>;

/** What to build of the text tower. */
export interface TextInput {
  /** word vectors [n,L,W], or ids [n,L] looked up inside the graph */
  readonly input: "embeddings" | "ids";
}

/** One family. `weights` are those that `layout` gave, in the family's own keys. */
export interface Backbone {
  /** Its name in messages and manifests, e.g. "biomedclip". */
  readonly name: string;
  /** What it is, for whoever brought something else: "open_clip's ViT with BERT, or transformers' CLIP names for it". */
  readonly about: string;
  /** Files beside the weights that it reads where they are there; others are not kept with a model. */
  readonly files: readonly string[];
  /** Those of them that it cannot do without; of each list any one will do. */
  readonly required: readonly (readonly string[])[];
  /** By names alone: is a checkpoint with these keys and these texts beside it of this family? No weights are read. */
  recognises(keys: readonly string[], texts: ModelTexts): boolean;
  /** The same weights in the family's own keys, without those that no tower uses. Throws ModelError `unknown_key`, `missing_key`, `shape_mismatch`. */
  layout(weights: StateDict): StateDict;
  /** The sizes, the pixels' mean and std, and the scale; every tensor checked. Throws ModelError by what is wrong. */
  spec(weights: StateDict, texts: ModelTexts): ModelSpec;
  /** The image tower: `pixels` [B,3,S,S] → `embedding` [B,D], not normalised. */
  image(weights: StateDict, spec: ModelSpec): Graph;
  /** The weights of `image` by the names of imageTowerShapes (towers/vit.ts), for a family whose tower that builds; absent for any other. */
  imageWeights?(weights: StateDict): TowerWeights;
  /** The text tower: `embeddings` [n,L,W] (or `ids` [n,L]) and `mask` [n,L] → `embedding` [n,D], not normalised. */
  text(weights: StateDict, spec: ModelSpec, input: TextInput): Graph;
  /** The word table [V,W]. */
  words(weights: StateDict): WordTable;
  /** The tokenizer of these texts. Throws ModelError `malformed_tokenizer`, `missing_file`. */
  tokenizer(texts: ModelTexts, spec: ModelSpec): Tokenizer;
  /** Where a prompt's context vectors stand among its tokens. */
  readonly frame: PromptFrameRule;
  /** The embedding layer on word vectors, as the released code sends frozen tokens through it twice; absent where a family has none to show. */
  embedTokens?(weights: StateDict, spec: ModelSpec): TokenEmbedding;
}

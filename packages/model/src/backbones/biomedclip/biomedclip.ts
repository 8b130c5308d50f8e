// BiomedCLIP's family as a value: timm's ViT with a class token and BERT with a two-layer projection, as open_clip saves them, or as
// transformers' CLIP, ViT and BERT classes do.

import { loadTokenizer } from "../../text/wordpiece.js";
import { textTower } from "../../towers/bert.js";
import { imageTower } from "../../towers/vit.js";
import type { Backbone } from "../backbone.js";
import { imageKey, textKey, towerView } from "./keys.js";
import { layoutOf, openClipLayout } from "./layout.js";
import { readSpec } from "./spec.js";
import { tokenEmbedding } from "./token-embedding.js";

const CONFIG = "open_clip_config.json";

/** BiomedCLIP: ViT-B/16 and PubMedBERT, from either layout of its weights. */
export const biomedclip: Backbone = {
  name: "biomedclip",
  about: "ViT and BERT as open_clip saves them (visual.trunk.*) or as transformers does (vision_model.*)",
  files: [
    CONFIG,
    "config.json",
    "preprocessor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
  ],
  required: [[CONFIG], ["tokenizer.json", "vocab.txt"]],
  recognises: (keys) => layoutOf(keys) !== "unknown",
  layout: openClipLayout,
  spec: (weights, texts) => readSpec(weights, texts[CONFIG], { configJson: texts["config.json"] }),
  image: (weights, spec) => imageTower(towerView(weights, imageKey), spec),
  imageWeights: (weights) => towerView(weights, imageKey),
  text: (weights, spec, { input }) => textTower(towerView(weights, textKey), spec, { input }),
  words: (weights) => weights.get(textKey("words")),
  tokenizer: (texts, { text }) =>
    loadTokenizer({ tokenizerJson: texts["tokenizer.json"], vocabTxt: texts["vocab.txt"] }, text.contextLength),
  frame: { before: 1, after: 1 },
  embedTokens: (weights, spec) => tokenEmbedding(towerView(weights, textKey), spec),
};

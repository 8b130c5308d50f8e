// The files a model is made of, by name: as hubs and open_clip call them, and as they are called in the store.

import { KNOWN_FILES } from "../../backbones/known-backbones.js";

/** Weights, the preferred first. */
export const WEIGHT_FILES: readonly string[] = [
  "open_clip_model.safetensors",
  "model.safetensors",
  "open_clip_pytorch_model.bin",
  "pytorch_model.bin",
];

/** What lies beside the weights: configuration and tokenizer, as the known families read them. */
export const SIDE_FILES: readonly string[] = KNOWN_FILES;

/** The weights file of every model in the store. */
export const STORED_WEIGHTS = "model.safetensors";

/** Names the model in its folder; the folder is a model of ours when it is there. */
export const MANIFEST_FILE = "biovlm-model.json";

// The files a model is made of, by name: as hubs and open_clip call them, and as they are called in the store.

/** Weights, the preferred first. */
export const WEIGHT_FILES: readonly string[] = [
  "open_clip_model.safetensors",
  "model.safetensors",
  "open_clip_pytorch_model.bin",
  "pytorch_model.bin",
];

/** What lies beside the weights: configuration and tokenizer. Which of them are needed is for the loader to say. */
export const SIDE_FILES: readonly string[] = [
  "open_clip_config.json",
  "config.json",
  "preprocessor_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "vocab.txt",
];

/** The weights file of every model in the store. */
export const STORED_WEIGHTS = "model.safetensors";

/** Names the model in its folder; the folder is a model of ours when it is there. */
export const MANIFEST_FILE = "biovlm-model.json";

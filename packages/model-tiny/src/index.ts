// The embedded default model: where its files are. Small, trained for this project, weak: read files/CARD.md before using its numbers.
// In browsers a bundler resolves these addresses; in Node, ./node reads the files.

/** Name people give it on the command line. */
export const TINY = "tiny";

/**
 * Data sets whose even-index training images, or whole images, this model saw with labels. Shots for the first three come from odd indices;
 * the others are not a test at all.
 */
export const SEEN_WITH_LABELS = {
  evenTrain: ["breastmnist", "pneumoniamnist", "retinamnist"],
  whole: ["mednist", "brainmri", "wbc"],
} as const;

/** Addresses of the model's files: weights (safetensors), config, vocabulary. */
export function tinyModelUrls(): { readonly weights: URL; readonly openClipConfig: URL; readonly tokenizerJson: URL } {
  return {
    weights: new URL("../files/model.safetensors", import.meta.url),
    openClipConfig: new URL("../files/open_clip_config.json", import.meta.url),
    tokenizerJson: new URL("../files/tokenizer.json", import.meta.url),
  };
}

/** sha256 of the weights file, hex: a page checks what it fetched against this. */
export const TINY_WEIGHTS_SHA256 = "9e16ea1408da0dcd102d1b34f22f22d989c0befbd3df022f364087bb23fb50c7";

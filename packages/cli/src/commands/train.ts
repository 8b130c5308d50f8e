// `biovlm train`: a prompt bank from a few labelled images.

import { defineCommand, type OptionSpecs } from "../command.js";
import { IMAGE_LIMITS } from "../image-options.js";
import { LEARNING_OPTIONS, VOLUMES_OPTION } from "../learning-options.js";
import { RUNTIME_OPTIONS } from "../runtime-options.js";

export const TRAIN_OPTIONS = {
  out: { type: "text", value: "FILE", completes: "file", default: "bank.safetensors", description: "the learned bank" },
  shots: {
    type: "integer",
    min: 1,
    max: 100_000,
    description: "images of each class to learn from; all of the training split when absent",
  },
  seed: { type: "integer", min: 0, max: 2 ** 31 - 1, default: 1, description: "seed of draws, views and learning" },
  all: { type: "flag", description: "learn from every image; nothing is left to measure on" },
  log: { type: "text", value: "FILE", completes: "file", description: "write the run as JSON lines" },
  volumes: VOLUMES_OPTION,
  recompute: { type: "flag", description: "compute activations twice instead of keeping them: less memory, more time" },
  json: { type: "flag", description: "print a summary as JSON" },
  ...LEARNING_OPTIONS,
  ...RUNTIME_OPTIONS,
  ...IMAGE_LIMITS,
} as const satisfies OptionSpecs;

export const train = defineCommand({
  name: "train",
  summary: "learn a prompt bank from labelled images",
  description: [
    "The source is a folder with one subfolder of images for each class (class/name.png), a CSV list, or a known data set by name. Nothing else is needed: without attribute sentences the class names in ten templates guide the learning.",
    "Images of the test split (a fifth of a folder) are not learned from; the learned bank is measured on them. A run that was stopped goes on at the last epoch when the same command is given again, and ends in the same bytes.",
  ],
  aboutImages: true,
  arguments: [{ name: "source", description: "folder of class/name.png, list.csv, or data set", completes: "folder" }],
  options: TRAIN_OPTIONS,
  examples: [
    { command: "biovlm train scans/ --out scans.bank.safetensors", shows: "a folder of class/name.png, nothing else" },
    { command: "biovlm train breastmnist --shots 16 --seed 1", shows: "a known data set, few-shot" },
    { command: "biovlm train studies/ --volumes --shots 8", shows: "a folder of class/series/slices, eight series of each class" },
    { command: "biovlm classify new.png --bank scans.bank.safetensors", shows: "what the bank is for" },
  ],
});

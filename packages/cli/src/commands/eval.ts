// `biovlm eval`: a bank, or a method without training, measured on a data set's test split.

import { PREVALENCE_OPTION } from "../class-options.js";
import { defineCommand, type OptionSpecs } from "../command.js";
import { IMAGE_LIMITS } from "../image-options.js";
import { LEARNING_OPTIONS, VOLUMES_OPTION } from "../learning-options.js";
import { RUNTIME_OPTIONS } from "../runtime-options.js";

export const EVALUATE_OPTIONS = {
  bank: { type: "text", value: "FILE", completes: "file", description: "a learned bank" },
  split: { type: "choice", choices: ["test", "val", "train"], default: "test", description: "images to measure on" },
  prevalence: PREVALENCE_OPTION,
  out: { type: "text", value: "FILE", completes: "file", description: "write all figures as JSON" },
  predictions: {
    type: "text",
    value: "FILE",
    completes: "file",
    description: "write a CSV line for each image: file, label, answer, probabilities, kept prompts",
  },
  splitList: {
    type: "text",
    value: "FILE",
    completes: "file",
    description: "write which image is on which side of the split, as a CSV list that can be read again",
  },
  diagram: { type: "text", value: "FILE", completes: "file", description: "write the reliability diagram as SVG" },
  json: { type: "flag", description: "print all figures as JSON" },
  volumes: VOLUMES_OPTION,
  attributes: LEARNING_OPTIONS.attributes,
  class: LEARNING_OPTIONS.class,
  rename: LEARNING_OPTIONS.rename,
  groupFolder: LEARNING_OPTIONS.groupFolder,
  skipUnreadable: LEARNING_OPTIONS.skipUnreadable,
  twins: LEARNING_OPTIONS.twins,
  data: LEARNING_OPTIONS.data,
  cache: LEARNING_OPTIONS.cache,
  ...RUNTIME_OPTIONS,
  ...IMAGE_LIMITS,
} as const satisfies OptionSpecs;

export const evaluate = defineCommand({
  name: "eval",
  summary: "measure a bank on a data set",
  description: [
    "Balanced accuracy, AUC, accuracy with a 95 % interval (Wilson's, or by lesion or patient where known), the same of the answer that is always the commonest class, recall of each class, confusion matrix, calibration (ECE, Brier) before and after one temperature fitted on validation.",
    "Images that have a near-twin in the training split are counted, and the figures are given with them and without.",
    "Without --bank the attribute sentences of the data set serve as an untrained bank.",
  ],
  aboutImages: true,
  arguments: [{ name: "source", description: "data set, folder of class/name.png, list.csv, or arrays.npz", completes: "folder" }],
  options: EVALUATE_OPTIONS,
  examples: [
    { command: "biovlm eval breastmnist --bank bank.safetensors --diagram reliability.svg", shows: "a learned bank on a test split" },
    {
      command: "biovlm eval own.npz --class benign --class malignant --predictions answers.csv",
      shows: "arrays of one's own, with an answer for each image",
    },
  ],
});

// `biovlm reproduce`: the paper's three settings over its data sets, beside what was published.

import { defineCommand, type OptionSpecs } from "../command.js";
import { IMAGE_LIMITS } from "../image-options.js";
import { LEARNING_OPTIONS } from "../learning-options.js";
import { RUNTIME_OPTIONS } from "../runtime-options.js";

export const REPRODUCE_OPTIONS = {
  out: {
    type: "text",
    value: "DIR",
    completes: "folder",
    default: "reproduction",
    description: "folder for cells, reproduction.md and .json",
  },
  setting: {
    type: "text",
    many: true,
    value: "NAME",
    completes: ["few-shot", "base-to-new", "cross-dataset"],
    description: "settings; all three when absent",
  },
  method: {
    type: "text",
    many: true,
    value: "NAME",
    description: "methods of sweep; those that figures are published of, and the untrained bank, when absent",
  },
  shots: {
    type: "text",
    value: "LIST",
    default: "1,2,4,8,16",
    description: "images of each class in few-shot; the other settings take the most",
  },
  seeds: { type: "text", value: "LIST", default: "1,2,3", description: "seeds, e.g. 1,2,3" },
  pull: {
    type: "choice",
    choices: ["missing", "never"],
    default: "missing",
    description: "fetch weights and official files that are not here, or work with what is",
  },
  size: { type: "choice", choices: ["28", "224"], default: "224", description: "image side in pixels of official files that are fetched" },
  dataUrl: { type: "text", value: "URL", description: "address that holds the official files, instead of their own: a mirror" },
  json: { type: "flag", description: "print reproduction.json" },
  views: LEARNING_OPTIONS.views,
  viewsPerImage: LEARNING_OPTIONS.viewsPerImage,
  twins: LEARNING_OPTIONS.twins,
  data: LEARNING_OPTIONS.data,
  cache: LEARNING_OPTIONS.cache,
  ...RUNTIME_OPTIONS,
  ...IMAGE_LIMITS,
} as const satisfies OptionSpecs;

export const reproduce = defineCommand({
  name: "reproduce",
  summary: "run the paper's three settings beside what was published",
  description: [
    "Fetches what is missing (the weights of --model biomedclip, official MedMNIST files), runs few-shot, base-to-new and cross-dataset over the data sets that figures are published of, and says of each row whether the published figure lies in its band. Writes reproduction.md, one file to attach to a report, and reproduction.json, both with the digests of weights, data and cells.",
    "Every cell is kept in the output folder as it ends: the same command goes on where it was stopped, and ends in the same bytes. Sets that are not here and cannot be fetched are listed as such. --views fresh renders new views at every step, as the paper does; without it eight views of each image are embedded once.",
  ],
  aboutImages: true,
  arguments: [
    {
      name: "dataset",
      description: "data sets; those that figures are published of when absent",
      optional: true,
      many: true,
      completes: "folder",
    },
  ],
  options: REPRODUCE_OPTIONS,
  examples: [
    { command: "biovlm reproduce --model biomedclip", shows: "everything, with the paper's backbone" },
    { command: "biovlm reproduce breastmnist busi --shots 16 --setting few-shot --pull never", shows: "a part of it, without a network" },
  ],
});

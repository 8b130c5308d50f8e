// `biovlm data …`: data sets on this machine.

import { defineCommand, type OptionSpecs } from "../command.js";
import { IMAGE_LIMITS } from "../image-options.js";
import { LEARNING_OPTIONS, VOLUMES_OPTION } from "../learning-options.js";
import { RUNTIME_OPTIONS } from "../runtime-options.js";

const DATA = {
  data: { type: "text", value: "DIR", completes: "folder", setting: true, description: "folder with data sets, instead of BIOVLM_DATA" },
} as const;

export const DATA_PULL_OPTIONS = {
  size: { type: "choice", choices: ["28", "224"], default: "28", description: "image side in pixels" },
  from: { type: "text", value: "DIR", completes: "folder", description: "a folder that holds the official file" },
  ...DATA,
} as const satisfies OptionSpecs;

export const dataPull = defineCommand({
  name: "data pull",
  summary: "fetch a MedMNIST set, checked by its published MD5",
  description: ["A cut download goes on where it was. --from takes the file from a folder instead of the network."],
  arguments: [{ name: "name", description: "data sets, e.g. breastmnist", many: true }],
  options: DATA_PULL_OPTIONS,
});

export const DATA_LINT_OPTIONS = {
  json: { type: "flag", description: "print everything found as JSON" },
  list: { type: "integer", min: 0, max: 100_000, default: 20, description: "pairs listed of each kind" },
  volumes: VOLUMES_OPTION,
  groupFolder: LEARNING_OPTIONS.groupFolder,
  cache: LEARNING_OPTIONS.cache,
  maxCacheBytes: RUNTIME_OPTIONS.maxCacheBytes,
  ...DATA,
  ...IMAGE_LIMITS,
} as const satisfies OptionSpecs;

export const dataLint = defineCommand({
  name: "data lint",
  summary: "find images that a data set holds twice, and where that matters",
  description: [
    "Lists images of equal content and near-twins (grey, 32 × 32 pixels, correlation above 0.98, also mirrored), those with different labels, those on different sides of the split, and groups (patients, lesions) that stand on two sides. Needs no model.",
    "What it finds is for a person to judge: it ends with 0, and with `warnings` in JSON. Names of image files are printed.",
  ],
  arguments: [{ name: "source", description: "data set, folder of class/name.png, list.csv, or arrays.npz", completes: "folder" }],
  options: DATA_LINT_OPTIONS,
  examples: [{ command: "biovlm data lint busi --json", shows: "every pair, with labels and sides" }],
});

export const DATA_LS_OPTIONS = { json: { type: "flag", description: "print JSON" }, ...DATA } as const satisfies OptionSpecs;

export const dataLs = defineCommand({
  name: "data ls",
  summary: "list data sets of this machine",
  options: DATA_LS_OPTIONS,
});

export const DATA_VERIFY_OPTIONS = DATA;

export const dataVerify = defineCommand({
  name: "data verify",
  summary: "check data sets by their published MD5",
  arguments: [{ name: "name", description: "data sets; all when absent", optional: true, many: true }],
  options: DATA_VERIFY_OPTIONS,
});

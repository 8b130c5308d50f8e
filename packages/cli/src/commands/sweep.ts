// `biovlm sweep`: data sets × shots × seeds × methods in one setting, resumable, as JSON, CSV and Markdown.

import { defineCommand, type OptionSpecs } from "../command.js";
import { IMAGE_LIMITS } from "../image-options.js";
import { LEARNING_OPTIONS, VOLUMES_OPTION } from "../learning-options.js";
import { RUNTIME_OPTIONS } from "../runtime-options.js";

export const SWEEP_OPTIONS = {
  out: { type: "text", value: "DIR", completes: "folder", default: "sweep", description: "folder for cells and reports" },
  setting: { type: "choice", choices: ["few-shot", "base-to-new", "cross-dataset"], default: "few-shot", description: "what is asked" },
  method: { type: "text", many: true, value: "NAME", description: "methods; all when absent" },
  variant: { type: "text", many: true, value: "NAME=VALUE,…", description: "the recipe with options changed, as a further method" },
  shots: { type: "text", value: "LIST", default: "16", description: "images of each class, e.g. 1,2,4,8,16" },
  seeds: { type: "text", value: "LIST", default: "1,2,3", description: "seeds, e.g. 1,2,3" },
  against: {
    type: "text",
    value: "METHOD",
    default: "attribute-bank",
    description: "the method that every other one is tested against, named before looking",
  },
  testOn: { type: "choice", choices: ["test", "val", "rest"], default: "test", description: "split to measure on" },
  json: { type: "flag", description: "print all cells as JSON" },
  volumes: VOLUMES_OPTION,
  ...LEARNING_OPTIONS,
  ...RUNTIME_OPTIONS,
  ...IMAGE_LIMITS,
} as const satisfies OptionSpecs;

export const sweep = defineCommand({
  name: "sweep",
  summary: "compare methods over data sets, shots and seeds",
  description: [
    "Every cell (data set, shots, seed, method) is kept in the output folder as it ends; the same command goes on where it was stopped. Writes results.json, results.csv, results.md and results.html, which draws lines over shots: balanced accuracy and AUC first, accuracy after, with the answer that is always the commonest class.",
    "Every method is compared with --against on the same images: correctness averaged over seeds, a sign-flip test by image, or by lesion or patient where known, p corrected by Holm over the data sets.",
    "--variant adds the recipe with options changed as a further method: --variant klDivisor=BNC,cosineAxis=class. With --test-on val nothing looks at the test split: that is how options are settled. --test-on rest does so on more images: the rest of the training split, without the shots, their groups and their twins, and the validation split.",
  ],
  aboutImages: true,
  arguments: [{ name: "dataset", description: "data sets or folders", many: true, completes: "folder" }],
  options: SWEEP_OPTIONS,
  examples: [
    { command: "biovlm sweep breastmnist retinamnist --shots 1,4,16 --out sweep", shows: "all methods, three seeds" },
    { command: "biovlm sweep busi --method biovlm --variant rho=1 --test-on val", shows: "two recipes on validation" },
  ],
});

// How a command is told which classes and which bank it works with: the options alone. class-choice.ts acts on them.

import type { OptionSpecs, OptionValues } from "./command.js";

export const CLASS_OPTIONS = {
  class: { type: "text", many: true, value: "NAME", description: "a class name; give it once for each class" },
  classesFile: { type: "text", value: "FILE", completes: "file", description: "class names, one a line, or a JSON array with codes" },
  dataset: { type: "text", value: "NAME", description: "classes and attribute sentences of a known data set, e.g. busi" },
  bank: { type: "text", value: "FILE", completes: "file", description: "a prompt bank, learned or compiled" },
  rho: { type: "number", min: 0.0001, max: 1, description: "share of prompts kept for an image; the bank's own when absent" },
} as const satisfies OptionSpecs;

/** The values that name classes and bank; `rho` is read where a classifier is made. */
export type ClassOptions = Omit<OptionValues<typeof CLASS_OPTIONS>, "rho">;

/** `--prevalence`, for commands that answer with a bank. */
export const PREVALENCE_OPTION = {
  type: "text",
  value: "SHARES",
  description:
    "how common the classes are where the images come from: benign=0.67,malignant=0.33, or train as the bank was learned; equally common when absent",
} as const;

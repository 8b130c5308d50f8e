// How a bank is learned and from which data: the options alone. recipe-choice.ts, learning-stores.ts and learning-source.ts act on them.

import type { OptionSpecs, OptionValues } from "./command.js";

export const LEARNING_OPTIONS = {
  recipe: {
    type: "choice",
    choices: ["mixture", "biovlm", "biovlm-golden", "released"],
    default: "mixture",
    setting: true,
    description: "the recipe; docs/recipe.md says what is in it",
  },
  set: { type: "text", many: true, value: "NAME=VALUE", description: "change an option of the recipe, e.g. --set epochs=20" },
  views: {
    type: "choice",
    choices: ["plain", "bank", "fresh"],
    setting: true,
    description:
      "plain: the picture itself, recipe mixture's own; bank, other recipes' own: views of each image embedded once; fresh: new views at every step, as in the paper",
  },
  viewsPerImage: { type: "integer", min: 1, max: 1024, setting: true, description: "views of each image, for --views bank: 8 unless said" },
  attributes: {
    type: "text",
    value: "FILE",
    completes: "file",
    description: "attribute sentences of the classes; see attributes generate",
  },
  class: {
    type: "text",
    many: true,
    value: "NAME",
    description: "class names in label order, where labels are numbers: an .npz file, a list with numbers",
  },
  rename: {
    type: "text",
    many: true,
    value: "FOLDER=NAME",
    description: "a class of the data set that the attribute file or the bank calls by another name",
  },
  groupFolder: {
    type: "flag",
    description:
      "class/patient/name.png: the second folder is the patient, whose images stay on one side of a drawn split; DICOM says so itself",
  },
  skipUnreadable: { type: "flag", description: "leave out images that cannot be read, instead of stopping with their names" },
  twins: {
    type: "choice",
    choices: ["check", "off"],
    default: "check",
    description: "look for images that show the same picture with another label or on another side of the split; off: do not look",
  },
  data: { type: "text", value: "DIR", completes: "folder", setting: true, description: "folder with known data sets" },
  cache: {
    type: "choice",
    choices: ["on", "off"],
    default: "on",
    setting: true,
    description: "keep embeddings and reduced weights (not images) in the cache folder",
  },
} as const satisfies OptionSpecs;

/** Of commands that learn from or measure on series. */
export const VOLUMES_OPTION = {
  type: "flag",
  description: "a series of DICOM files, and a file of several frames or slices, is one example: all of its slices together",
} as const satisfies OptionSpecs[string];

export type LearningOptions = OptionValues<typeof LEARNING_OPTIONS>;

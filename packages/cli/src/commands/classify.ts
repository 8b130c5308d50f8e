// `biovlm classify`: images in, routed predictions out.

import { imageKinds } from "@biovlm/files";
import { CLASS_OPTIONS, PREVALENCE_OPTION } from "../class-options.js";
import { ARCHIVE_OPTIONS } from "../classify/archive-options.js";
import { defineCommand, type OptionSpecs } from "../command.js";
import { IMAGE_OPTIONS } from "../image-options.js";
import { RUNTIME_OPTIONS } from "../runtime-options.js";

export const CLASSIFY_OPTIONS = {
  ...CLASS_OPTIONS,
  prevalence: PREVALENCE_OPTION,
  ...RUNTIME_OPTIONS,
  ...IMAGE_OPTIONS,
  ...ARCHIVE_OPTIONS,
  volumes: {
    type: "flag",
    description:
      "DICOM files of one series in anatomical order, files of several frames or slices with all of them, and an answer for each series or file beside those of its slices",
  },
  sr: {
    type: "text",
    value: "DIR",
    completes: "folder",
    description: "write a DICOM structured report of each DICOM image into this folder",
  },
  top: { type: "integer", min: 1, max: 10_000, setting: true, default: 5, description: "classes shown for an image, in the text output" },
  explain: { type: "flag", description: "show every prompt's own answer" },
  json: { type: "flag", description: "print one JSON array" },
  jsonl: { type: "flag", description: "print one JSON object a line, as each image is done" },
} as const satisfies OptionSpecs;

export const classify = defineCommand({
  name: "classify",
  summary: "say what images show, by routed prompts",
  description: [
    "Each prompt of a bank gives its own answer for an image; those that are surest (lowest entropy) are kept and averaged. Without a bank of your own, sentence templates (--class) or attribute sentences (--dataset) serve as one, with no training.",
    `Folders are searched for ${imageKinds("and")} files. A file that cannot be read does not stop the others; the exit code is then 6.`,
    "With --dicomweb images come from an archive and, with --store, reports go back to it. Reports are preliminary, unverified, and name model and bank by digest.",
  ],
  aboutImages: true,
  arguments: [{ name: "path", description: "image files or folders", optional: true, many: true, completes: "file" }],
  options: CLASSIFY_OPTIONS,
  examples: [
    { command: 'biovlm classify scan.png --class "benign tumor" --class "malignant tumor"', shows: "two classes by name" },
    { command: "biovlm classify scans/ --dataset busi --jsonl", shows: "a folder, with a known data set's classes and sentences" },
    { command: "biovlm classify scan.png --bank bank.safetensors --explain", shows: "a learned bank, and why" },
    {
      command:
        "biovlm classify --dicomweb https://pacs.example/dicom-web --study 1.2.3 --store --dicomweb-auth token.txt --bank bank.safetensors",
      shows: "a study of an archive, reports stored beside it",
    },
  ],
});

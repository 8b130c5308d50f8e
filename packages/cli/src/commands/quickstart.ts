// `biovlm quickstart`: the main job from nothing. Draws a small set of phantoms, learns a bank from a few of each kind, classifies others,
// explains, and writes a sheet to look at. With --images it classifies the person's own images instead.

import { defineCommand, type OptionSpecs } from "../command.js";
import { IMAGE_OPTIONS } from "../image-options.js";
import { RUNTIME_OPTIONS } from "../runtime-options.js";

export const QUICKSTART_OPTIONS = {
  images: { type: "text", value: "DIR", completes: "folder", description: "classify the images of a folder instead" },
  class: { type: "text", many: true, value: "NAME", description: "with --images: a class name; give it once for each class" },
  out: { type: "text", value: "FILE", completes: "file", default: "biovlm-quickstart.html", description: "the sheet" },
  bank: { type: "text", value: "FILE", completes: "file", description: "also keep the learned bank" },
  shots: { type: "integer", min: 1, max: 256, default: 16, description: "drawings of each kind to learn from" },
  seed: { type: "integer", min: 0, max: 2 ** 31 - 1, default: 1, description: "seed of drawings and learning" },
  json: { type: "flag", description: "print the figures as JSON" },
  ...RUNTIME_OPTIONS,
  ...IMAGE_OPTIONS,
} as const satisfies OptionSpecs;

export const quickstart = defineCommand({
  name: "quickstart",
  summary: "see it work: draw images, learn prompts from a few, classify the rest, write a sheet",
  description: [
    "Needs nothing but this program: the images are drawings (phantoms) of six kinds of medical image, not patient data, and the model is the small embedded one.",
    "With --images your own images are classified by kind, with --class by names you give. They never leave the machine.",
  ],
  aboutImages: true,
  options: QUICKSTART_OPTIONS,
  examples: [
    { command: "biovlm quickstart", shows: "phantoms, learning, a sheet" },
    { command: 'biovlm quickstart --images scans/ --class "chest X-ray" --class "hand X-ray"', shows: "your images, your classes" },
  ],
});

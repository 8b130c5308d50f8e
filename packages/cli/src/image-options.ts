// How image files are read, and how many are encoded at once: the options alone.

import type { OptionSpecs } from "./command.js";

export const IMAGE_OPTIONS = {
  exif: {
    type: "choice",
    choices: ["apply", "ignore"],
    default: "apply",
    setting: true,
    description: "turn images upright by their EXIF orientation",
  },
  maxBytes: { type: "size", min: 1, max: 2 ** 40, default: "16MiB", setting: true, description: "largest image file" },
  maxPixels: { type: "size", min: 1, max: 2 ** 40, default: "25M", setting: true, description: "largest image in pixels" },
  batch: { type: "integer", min: 1, max: 4096, default: 16, setting: true, description: "images encoded at once" },
} as const satisfies OptionSpecs;

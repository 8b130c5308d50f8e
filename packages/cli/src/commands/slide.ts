// `biovlm slide`: a whole-slide image in, an answer for each tile of tissue and one for the slide out.

import { CLASS_OPTIONS, PREVALENCE_OPTION } from "../class-options.js";
import { defineCommand, type OptionSpecs } from "../command.js";
import { BATCH_OPTION } from "../image-options.js";
import { RUNTIME_OPTIONS } from "../runtime-options.js";
import { TILE_OPTIONS } from "../slide/tile-options.js";

export const SLIDE_OPTIONS = {
  ...TILE_OPTIONS,
  heatMap: { type: "text", value: "DIR", completes: "folder", description: "write a PNG for each class into this folder" },
  ...CLASS_OPTIONS,
  prevalence: PREVALENCE_OPTION,
  ...RUNTIME_OPTIONS,
  ...BATCH_OPTION,
  top: { type: "integer", min: 1, max: 10_000, setting: true, default: 5, description: "classes shown for the slide, in the text output" },
  json: { type: "flag", description: "print one JSON array: the tiles, then the slide" },
  jsonl: { type: "flag", description: "print one JSON object a line, as each tile is done" },
  csv: { type: "flag", description: "print a table of the tiles, as each is done" },
} as const satisfies OptionSpecs;

export const slide = defineCommand({
  name: "slide",
  summary: "say what a whole-slide image shows, tile by tile",
  description: [
    "Reads tiled TIFF (SVS, OME-TIFF and generic pyramids) and DICOM whole slides (a file, or the folder of a slide's levels) by ranges, never whole. Tiles without tissue are left out; the slide's answer is the mean of the probabilities of the others, with the surest named.",
    "Tiles are squares of the coarsest level that is fine enough for --microns-per-pixel, by the file's own resolution. A file that does not say how large its pixels are needs --level.",
  ],
  aboutImages: true,
  arguments: [{ name: "slide", description: "a slide; of DICOM, the folder of its levels or one of them", completes: "file" }],
  options: SLIDE_OPTIONS,
  examples: [
    { command: "biovlm slide slide.svs --dataset pathmnist --heat-map maps", shows: "tiles at 0.5 µm a pixel, and where each class is" },
    { command: "biovlm slide slide.tif --level 1 --bank bank.safetensors --csv", shows: "a level as it is, a table of the tiles" },
  ],
});

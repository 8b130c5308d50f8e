// `biovlm embed`: image embeddings of many files into one file, resumable: killed at any time, a second run goes on where it was.

import { defineCommand, type OptionSpecs } from "../command.js";
import { IMAGE_OPTIONS } from "../image-options.js";
import { RUNTIME_OPTIONS } from "../runtime-options.js";
import { SLIDE_TILE_OPTIONS } from "../slide/tile-options.js";

export const EMBED_OPTIONS = {
  out: {
    type: "text",
    value: "FILE",
    completes: "file",
    description: "output, ending in .safetensors, .npz (rows, names and digests) or .npy",
  },
  volumes: {
    type: "flag",
    description: "a row for each series of DICOM files, and for each file of several frames or slices: the mean of its slices' rows",
  },
  raw: { type: "flag", description: "leave rows as the tower gives them" },
  timings: { type: "flag", description: "say where the time went" },
  json: { type: "flag", description: "print a summary as JSON" },
  ...SLIDE_TILE_OPTIONS,
  ...RUNTIME_OPTIONS,
  ...IMAGE_OPTIONS,
} as const satisfies OptionSpecs;

export const embed = defineCommand({
  name: "embed",
  summary: "write the embeddings of many images to a file",
  description: [
    "Rows are in the order of the files' paths; the list beside the output (.rows.jsonl) says which file each row is. Rows are L2-normalised unless --raw.",
    "With --slide the rows are a slide's tiles of tissue, row by row, named slide.svs#xywh=LEFT,TOP,WIDTH,HEIGHT in pixels of its finest level.",
    "While it runs, finished rows lie in a journal beside the output. A second run takes them from there or from the output itself, by the content of the files.",
  ],
  aboutImages: true,
  arguments: [{ name: "path", description: "image files or folders; with --slide, slides", many: true, completes: "file" }],
  options: EMBED_OPTIONS,
  examples: [
    { command: "biovlm embed scans/ --out scans.safetensors", shows: "a folder of any depth" },
    { command: "biovlm embed --slide slide.svs --out tiles.safetensors", shows: "a row for each tile of tissue" },
    { command: "biovlm embed studies/ --volumes --out series.safetensors", shows: "a row a series, under the name of its first slice" },
  ],
});

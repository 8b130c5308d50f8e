// Which tiles of a slide are read: the flags alone, of `slide` and, where it is given slides, of `embed`.

import type { OptionSpecs } from "../command.js";

/** Of `slide`. */
export const TILE_OPTIONS = {
  micronsPerPixel: { type: "number", min: 0.01, max: 100, default: 0.5, description: "µm a pixel of the tiles" },
  level: { type: "integer", min: 0, max: 100, description: "the level to read as it is, 0 the finest, whatever its pixels' size" },
  tile: { type: "integer", min: 16, max: 4096, default: 224, description: "pixels along a side of a tile" },
  minTissue: { type: "number", min: 0, max: 1, default: 0.5, description: "least share of tissue of a tile that is answered" },
} as const satisfies OptionSpecs;

const { micronsPerPixel, level, tile, minTissue } = TILE_OPTIONS;
const withSlide = (description: string, value?: number) =>
  `with --slide: ${description}${value === undefined ? "" : ` (default: ${value})`}`;

/** Of a command that reads images, too: without defaults, so that one that is given without --slide is noticed. */
export const SLIDE_TILE_OPTIONS = {
  slide: { type: "flag", description: "each path is a whole-slide image (of DICOM, the folder of its levels), read by its tiles" },
  micronsPerPixel: {
    ...{ type: "number", min: micronsPerPixel.min, max: micronsPerPixel.max },
    description: withSlide(micronsPerPixel.description, micronsPerPixel.default),
  },
  level: { type: "integer", min: level.min, max: level.max, description: withSlide(level.description) },
  tile: { type: "integer", min: tile.min, max: tile.max, description: withSlide(tile.description, tile.default) },
  minTissue: {
    ...{ type: "number", min: minTissue.min, max: minTissue.max },
    description: withSlide("least share of tissue of a tile that gets a row", minTissue.default),
  },
} as const satisfies OptionSpecs;

// The squares of a slide that a call asks for, with words for a person where the slide cannot give them.

import { type Slide, type TileGrid, tileGrid } from "@biovlm/imaging/node";
import { usageError } from "../errors.js";

/** @throws CliError `no_resolution` (exit 2) */
export function gridOf(
  slide: Slide,
  { tile, level, micronsPerPixel }: { readonly tile: number; readonly level: number | undefined; readonly micronsPerPixel: number },
): TileGrid {
  if (level === undefined && slide.levels[0]?.micronsPerPixel === undefined) {
    const levels = slide.levels.map(({ width, height }, i) => `${i} (${width} × ${height})`);
    throw usageError(
      "no_resolution",
      "--microns-per-pixel — expected a slide that says how large its pixels are, got one that does not",
      `Name a level: --level N, one of ${levels.join(", ")}.`,
    );
  }
  return tileGrid(slide, { tile, micronsPerPixel, level });
}

// Which level of a slide is read, and in which squares, for tiles of a size in µm. No pixel is resampled here: a tile is a square of the level as
// it is stored, and what reads it makes it the model's size in one step.

import { ImagingError } from "../errors.js";
import type { Slide, SlideRegion } from "./slide.js";

/** Tiles that are asked for: `tile` pixels of `micronsPerPixel` each, or of a level as they are. */
export interface TileChoice {
  /** pixels of a side */
  readonly tile: number;
  /** µm a pixel; not used where a level is named */
  readonly micronsPerPixel: number;
  /** counted from 0, the finest */
  readonly level?: number | undefined;
}

/** Squares of one level that cover it. */
export interface TileGrid {
  readonly level: number;
  /** pixels of the level along a side of a square */
  readonly side: number;
  readonly columns: number;
  readonly rows: number;
  /** pixels of level 0 for one of the level */
  readonly scale: number;
  /** of the tiles as they were asked for; undefined where the file does not say */
  readonly micronsPerPixel: number | undefined;
}

const MAX_CELLS = 4_000_000;
const MAX_SIDE = 5000;
/** A level that is so much coarser than asked still counts as fine enough: files round. */
const TOLERANCE = 1.02;

const micron = (value: number) => Number(value.toPrecision(4));

/** The coarsest level that is fine enough. */
function levelFor(levels: Slide["levels"], asked: number): number {
  const finest = levels[0]?.micronsPerPixel;
  if (finest === undefined)
    throw new ImagingError("bad_option", "slide that does not say how large its pixels are — expected a level to be named. Name one.");
  if (finest > asked * TOLERANCE)
    throw new ImagingError(
      "bad_option",
      `micronsPerPixel — expected at least ${micron(finest)}, which is the slide's finest, got ${asked}. Ask for that or more, or name a level.`,
    );
  return levels.findLastIndex(({ micronsPerPixel }) => micronsPerPixel !== undefined && micronsPerPixel <= asked * TOLERANCE);
}

/**
 * Lays squares over a level.
 * @throws ImagingError `bad_option` where no level is that fine or the file does not say; `too_large` for more than 4 000 000 tiles
 */
export function tileGrid({ levels }: Pick<Slide, "levels">, { tile, micronsPerPixel, level: named }: TileChoice): TileGrid {
  const level = named ?? levelFor(levels, micronsPerPixel);
  const [finest, found] = [levels[0], levels[level]];
  if (finest === undefined || found === undefined)
    throw new ImagingError("bad_option", `level — expected 0 to ${levels.length - 1}, got ${level}. Name one that the slide has.`);
  const own = found.micronsPerPixel;
  const side = named !== undefined || own === undefined ? tile : Math.max(1, Math.round((tile * micronsPerPixel) / own));
  if (side > MAX_SIDE)
    throw new ImagingError(
      "too_large",
      `tiles of ${side} pixels of level ${level} — expected at most ${MAX_SIDE}. Ask for smaller tiles or finer pixels.`,
    );
  const [columns, rows] = [Math.ceil(found.width / side), Math.ceil(found.height / side)];
  if (columns * rows > MAX_CELLS)
    throw new ImagingError(
      "too_large",
      `slide of ${columns * rows} tiles — expected at most ${MAX_CELLS}. Ask for larger tiles or coarser pixels.`,
    );
  const shown = named === undefined ? micronsPerPixel : own;
  return { level, side, columns, rows, scale: finest.width / found.width, micronsPerPixel: shown };
}

/** The square of a cell. It may reach past the right and the lower edge. */
export function cellRegion({ level, side }: TileGrid, column: number, row: number): SlideRegion {
  return { level, x: column * side, y: row * side, width: side, height: side };
}

// The tiles of a slide that show tissue, as sources of images: each reads its own square when its turn comes, and holds nothing before or after.

import type { ImageSource } from "@biovlm/engine";
import { cellRegion, type Slide, type TileGrid } from "@biovlm/imaging/node";

/** A tile. */
export interface SlideTile extends ImageSource {
  /** in the grid, row by row, from 0 */
  readonly cell: number;
  /** its upper left corner and its side, in pixels of level 0 */
  readonly x: number;
  readonly y: number;
  readonly side: number;
  /** share of its pixels that are tissue, 0 to 1 */
  readonly tissue: number;
}

/** Where a cell lies, in pixels of level 0. */
function placeOf({ side, scale, columns }: TileGrid, cell: number): Pick<SlideTile, "cell" | "x" | "y" | "side"> {
  const [column, row] = [cell % columns, Math.floor(cell / columns)];
  return { cell, x: Math.round(column * side * scale), y: Math.round(row * side * scale), side: Math.round(side * scale) };
}

/** Whether a source is a tile. */
export const isTile = (source: ImageSource): source is SlideTile => "cell" in source;

/** Tiles of at least `minTissue`, row by row, made as they are asked for. */
export function* slideTiles(
  slide: Slide,
  grid: TileGrid,
  shares: Float32Array,
  minTissue: number,
  name: string,
): Generator<SlideTile, void, undefined> {
  for (const [cell, tissue] of shares.entries()) {
    if (tissue < minTissue) continue;
    const region = cellRegion(grid, cell % grid.columns, Math.floor(cell / grid.columns));
    yield {
      ...{ name, ...placeOf(grid, cell), tissue },
      open: async () => ({ kind: "pixels", channels: 3, ...(await slide.region(region)) }),
    };
  }
}

// Where a slide shows tissue: stain has colour, glass has none. By saturation, on a coarse level where there is one; docs/slides.md has the rule
// in words. Tiles that hold nothing are glass and are not decoded.

import type { Slide } from "./slide.js";
import { cellRegion, type TileGrid } from "./tile-grid.js";

/** How much of each tile is tissue, and how that was told. */
export interface Tissue {
  /** 0 to 1 for each cell of the grid, row by row */
  readonly shares: Float32Array;
  /** the level that was looked at */
  readonly level: number;
  /** saturation, 0 to 255, above which a pixel is tissue */
  readonly threshold: number;
}

/** Pixels of a level that is looked at as a whole. */
const MAX_MASK_PIXELS = 16_000_000;
/** Pixels of that level along a side of a tile. */
const LEAST_SIDE = 16;
/** Otsu's threshold is held within these; without a level to be looked at as a whole the middle serves. */
const THRESHOLDS = { least: 13, usual: 20, most: 64 } as const;
/** Of the brightest colour: below it noise has any saturation. */
const DARKEST = 32;

/** Saturation of RGB8 [n,3], 0 to 255: (max − min) / max; 0 of what is nearly black. */
function saturations(rgb: Uint8Array): Uint8Array {
  const out = new Uint8Array(rgb.length / 3);
  for (let i = 0; i < out.length; i++) {
    const [r, g, b] = [rgb[i * 3] ?? 0, rgb[i * 3 + 1] ?? 0, rgb[i * 3 + 2] ?? 0];
    const most = Math.max(r, g, b);
    out[i] = most < DARKEST ? 0 : Math.round((255 * (most - Math.min(r, g, b))) / most);
  }
  return out;
}

/** Otsu's threshold: the cut whose two sides differ most; values up to it are below. The first of equals. */
export function otsuThreshold(histogram: ArrayLike<number>): number {
  const values = Array.from(histogram);
  const total = values.reduce((sum, count) => sum + count, 0);
  const moment = values.reduce((sum, count, value) => sum + count * value, 0);
  let [best, cut, below, momentBelow] = [-1, 0, 0, 0];
  for (const [value, count] of values.entries()) {
    below += count;
    momentBelow += value * count;
    if (below === 0 || below === total) continue;
    const apart = momentBelow / below - (moment - momentBelow) / (total - below);
    const between = below * (total - below) * apart * apart;
    if (between > best) [best, cut] = [between, value];
  }
  return cut;
}

/** The coarsest level on which a tile still has enough pixels; undefined where that is too large to be looked at as a whole. */
function maskLevel({ levels }: Slide, grid: TileGrid): number | undefined {
  const read = levels[grid.level];
  if (read === undefined) return undefined;
  const level = levels.findLastIndex(({ width }) => (grid.side * width) / read.width >= LEAST_SIDE);
  const { width, height } = levels[level] ?? read;
  return level >= 0 && width * height <= MAX_MASK_PIXELS ? level : undefined;
}

/** Tells tissue by each tile's own pixels. */
async function byTile(slide: Slide, grid: TileGrid, signal: AbortSignal | undefined): Promise<Tissue> {
  const shares = new Float32Array(grid.columns * grid.rows);
  for (let cell = 0; cell < shares.length; cell++) {
    signal?.throwIfAborted();
    const region = cellRegion(grid, cell % grid.columns, Math.floor(cell / grid.columns));
    if (!(await slide.stored(region))) continue;
    const found = saturations((await slide.region(region)).data);
    shares[cell] = found.reduce((sum, value) => sum + (value > THRESHOLDS.usual ? 1 : 0), 0) / found.length;
  }
  return { shares, level: grid.level, threshold: THRESHOLDS.usual };
}

/** Saturation of a whole level, band by band. */
async function saturationOf(slide: Slide, level: number, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const { width, height, tileHeight } = slide.levels[level] ?? { width: 0, height: 0, tileHeight: 1 };
  const out = new Uint8Array(width * height);
  for (let y = 0; y < height; y += tileHeight) {
    signal?.throwIfAborted();
    const band = { level, x: 0, y, width, height: Math.min(tileHeight, height - y) };
    if (await slide.stored(band)) out.set(saturations((await slide.region(band)).data), y * width);
  }
  return out;
}

/**
 * Share of tissue of every tile.
 * @throws ImagingError of tiles that cannot be read; the signal's reason
 */
export async function tissueShares(slide: Slide, grid: TileGrid, signal?: AbortSignal): Promise<Tissue> {
  const level = maskLevel(slide, grid);
  const read = slide.levels[grid.level];
  const mask = level === undefined ? undefined : slide.levels[level];
  if (level === undefined || read === undefined || mask === undefined) return byTile(slide, grid, signal);
  const found = await saturationOf(slide, level, signal);
  const histogram = new Float64Array(256);
  for (const value of found) histogram[value] = (histogram[value] ?? 0) + 1;
  const threshold = Math.min(THRESHOLDS.most, Math.max(THRESHOLDS.least, otsuThreshold(histogram)));
  const shares = new Float32Array(grid.columns * grid.rows);
  const edge = (at: number, of: number, all: number) => Math.round((at * grid.side * of) / all);
  for (let cell = 0; cell < shares.length; cell++) {
    const [column, row] = [cell % grid.columns, Math.floor(cell / grid.columns)];
    const [left, right] = [edge(column, mask.width, read.width), edge(column + 1, mask.width, read.width)];
    const [top, bottom] = [edge(row, mask.height, read.height), edge(row + 1, mask.height, read.height)];
    let tissue = 0;
    for (let y = top; y < Math.min(bottom, mask.height); y++)
      for (let x = left; x < Math.min(right, mask.width); x++) if ((found[y * mask.width + x] ?? 0) > threshold) tissue++;
    shares[cell] = tissue / ((right - left) * (bottom - top));
  }
  return { shares, level, threshold };
}

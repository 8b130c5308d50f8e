// The contract of a slide: levels of one picture, each in tiles, of which any region can be read. Formats give tiles (`TileStore`); here they
// become regions. Decoded tiles are kept within a budget, so that neighbouring regions decode one once; nothing grows with the slide.

import { ImagingError } from "../errors.js";

/** One resolution of a slide. */
export interface SlideLevel {
  /** pixels */
  readonly width: number;
  readonly height: number;
  /** pixels of a stored tile */
  readonly tileWidth: number;
  readonly tileHeight: number;
  /** µm a pixel; undefined where the file does not say */
  readonly micronsPerPixel: number | undefined;
}

/** What a format knows of its file. */
export interface TileStore {
  readonly format: "tiff" | "dicom";
  /** the finest first */
  readonly levels: readonly SlideLevel[];
  /** what a reader should know */
  readonly notes: readonly string[];
  /** Whether a tile is stored; others are glass. */
  has(level: number, column: number, row: number): Promise<boolean>;
  /** RGB8 [tileHeight,tileWidth,3] of a tile that is stored. @throws ImagingError */
  tile(level: number, column: number, row: number): Promise<Uint8Array>;
}

/** A rectangle of a level, in its pixels. It may reach past the right and the lower edge. */
export interface SlideRegion {
  readonly level: number;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** An opened slide. */
export interface Slide extends Pick<TileStore, "format" | "levels" | "notes"> {
  /**
   * Pixels of a region, RGB8 [height,width,3]. What no tile stores, and what lies past the edge, is white.
   * @throws ImagingError `bad_option`, `too_large`, `corrupt_image`, `unsupported_format`
   */
  region(region: SlideRegion): Promise<{ readonly data: Uint8Array; readonly width: number; readonly height: number }>;
  /** Whether any tile of the region is stored. */
  stored(region: SlideRegion): Promise<boolean>;
  /** Closes the files. */
  close(): Promise<void>;
}

/** Most pixels of one region. */
const MAX_REGION_PIXELS = 25_000_000;
/** Bytes of decoded tiles that are kept. */
const KEPT_BYTES = 64 * 2 ** 20;

/** Decoded tiles, those used last kept within a budget. */
class TileShelf {
  private readonly tiles = new Map<string, { readonly bytes: number; readonly tile: Promise<Uint8Array> }>();
  private total = 0;

  get(key: string, bytes: number, decode: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const kept = this.tiles.get(key);
    const entry = kept ?? { bytes, tile: decode() };
    if (kept === undefined) {
      this.total += bytes;
      entry.tile.catch(() => this.remove(key));
    }
    this.tiles.delete(key);
    this.tiles.set(key, entry);
    for (const oldest of this.tiles.keys()) {
      if (this.total <= KEPT_BYTES || oldest === key) break;
      this.remove(oldest);
    }
    return entry.tile;
  }

  private remove(key: string): void {
    this.total -= this.tiles.get(key)?.bytes ?? 0;
    this.tiles.delete(key);
  }
}

/** Tiles that a region touches. */
function* touched({ width, height, tileWidth, tileHeight }: SlideLevel, region: SlideRegion): Generator<readonly [number, number]> {
  const right = Math.min(width, region.x + region.width);
  const bottom = Math.min(height, region.y + region.height);
  for (let row = Math.floor(region.y / tileHeight); row * tileHeight < bottom; row++)
    for (let column = Math.floor(region.x / tileWidth); column * tileWidth < right; column++) yield [column, row];
}

/** A slide over what a format gives. */
export function slideOf(store: TileStore, close: () => Promise<void>): Slide {
  const shelf = new TileShelf();
  const checked = (region: SlideRegion): SlideLevel => {
    const { level, x, y, width, height } = region;
    const found = store.levels[level];
    const whole = [x, y, width, height].every((value) => Number.isSafeInteger(value) && value >= 0) && width > 0 && height > 0;
    if (found === undefined || !whole)
      throw new ImagingError(
        "bad_option",
        `slide region — expected whole numbers and a level of 0 to ${store.levels.length - 1}, got ${width}×${height} at ${x}, ${y} of level ${level}. Correct it.`,
      );
    if (width * height > MAX_REGION_PIXELS)
      throw new ImagingError(
        "too_large",
        `slide region — expected at most ${MAX_REGION_PIXELS} pixels, got ${width}×${height}. Ask for a smaller one, or for a coarser level.`,
      );
    return found;
  };
  return {
    format: store.format,
    levels: store.levels,
    notes: store.notes,
    close,
    async stored(region) {
      for (const [column, row] of touched(checked(region), region)) if (await store.has(region.level, column, row)) return true;
      return false;
    },
    async region(region) {
      const level = checked(region);
      const { width, height } = region;
      const data = new Uint8Array(width * height * 3).fill(255);
      for (const [column, row] of touched(level, region)) {
        if (!(await store.has(region.level, column, row))) continue;
        const { tileWidth, tileHeight } = level;
        const decode = () => store.tile(region.level, column, row);
        const tile = await shelf.get(`${region.level} ${column} ${row}`, tileWidth * tileHeight * 3, decode);
        copyTile(tile, level, column * tileWidth, row * tileHeight, data, region);
      }
      return { data, width, height };
    },
  };
}

/** The part of a tile, whose first pixel lies at `left`, `top`, that a region shows. */
function copyTile(tile: Uint8Array, level: SlideLevel, left: number, top: number, data: Uint8Array, region: SlideRegion): void {
  const { tileWidth, tileHeight } = level;
  const [fromX, toX] = [Math.max(left, region.x), Math.min(left + tileWidth, region.x + region.width, level.width)];
  const [fromY, toY] = [Math.max(top, region.y), Math.min(top + tileHeight, region.y + region.height, level.height)];
  for (let y = fromY; y < toY; y++) {
    const from = ((y - top) * tileWidth + fromX - left) * 3;
    data.set(tile.subarray(from, from + (toX - fromX) * 3), ((y - region.y) * region.width + fromX - region.x) * 3);
  }
}

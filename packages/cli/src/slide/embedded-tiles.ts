// Tiles of slides as images to be embedded: slide after slide, each opened when its turn comes and closed behind it.

import { resolve } from "node:path";
import type { ImageSource } from "@biovlm/engine";
import { openSlide, tissueShares } from "@biovlm/imaging/node";
import type { OptionValues } from "../command.js";
import { CliError, reportError, usageError } from "../errors.js";
import type { FailedPath } from "../image-files.js";
import { gridOf } from "./slide-grid.js";
import { slideTiles } from "./slide-tiles.js";
import { type SLIDE_TILE_OPTIONS, TILE_OPTIONS } from "./tile-options.js";

/** Images that follow each other, and how many they are. */
export interface SourceGroup {
  readonly sources: Iterable<ImageSource>;
  readonly count: number;
  readonly unit: "images" | "tiles";
}

type Asked = OptionValues<typeof SLIDE_TILE_OPTIONS>;

/** Tiles read at once: each holds its pixels. */
export const TILES_AT_ONCE = 4;

/** @throws CliError `bad_usage` (exit 2) of options for tiles without --slide, and of options for files with it */
export function checkSlideOptions(asked: Asked, ofFiles: Readonly<Record<string, boolean>>): void {
  const { slide } = asked;
  const tiles = { "microns-per-pixel": asked.micronsPerPixel, level: asked.level, tile: asked.tile, "min-tissue": asked.minTissue };
  const given = Object.entries(tiles).find(([, value]) => value !== undefined);
  if (!slide && given !== undefined)
    throw usageError(
      "bad_usage",
      `--${given[0]} — expected with --slide, got without`,
      "Add --slide where the paths are whole-slide images.",
    );
  const other = Object.entries(ofFiles).find(([, changed]) => changed);
  if (slide && other !== undefined)
    throw usageError(
      "bad_usage",
      `--${other[0]} — expected without --slide, got with it: tiles are shown as they are stored`,
      "Leave it out.",
    );
}

/**
 * A group for each slide. A tile's name is the slide's and where it lies: slide.svs#xywh=LEFT,TOP,WIDTH,HEIGHT, in pixels of level 0.
 * @param failed told of a slide that cannot be read; the others follow
 * @throws CliError of a call that no slide could answer
 */
export async function* tileGroups(
  paths: readonly string[],
  asked: Asked,
  { cwd, signal, failed }: { readonly cwd: string; readonly signal: AbortSignal; readonly failed: (path: FailedPath) => void },
): AsyncGenerator<SourceGroup, void, undefined> {
  const tile = asked.tile ?? TILE_OPTIONS.tile.default;
  const micronsPerPixel = asked.micronsPerPixel ?? TILE_OPTIONS.micronsPerPixel.default;
  const minTissue = asked.minTissue ?? TILE_OPTIONS.minTissue.default;
  for (const name of paths) {
    let slide: Awaited<ReturnType<typeof openSlide>> | undefined;
    try {
      slide = await openSlide(resolve(cwd, name));
      const grid = gridOf(slide, { tile, level: asked.level, micronsPerPixel });
      const { shares } = await tissueShares(slide, grid, signal);
      const count = shares.reduce((sum, share) => sum + (share >= minTissue ? 1 : 0), 0);
      yield { sources: named(slideTiles(slide, grid, shares, minTissue, name)), count, unit: "tiles" };
    } catch (error) {
      signal.throwIfAborted();
      if (paths.length === 1 || error instanceof CliError) throw error;
      const { code, message } = reportError(error);
      failed({ name, error: { code, message } });
    } finally {
      await slide?.close();
    }
  }
}

function* named(tiles: ReturnType<typeof slideTiles>): Generator<ImageSource, void, undefined> {
  for (const { name, x, y, side, open } of tiles) yield { name: `${name}#xywh=${x},${y},${side},${side}`, open };
}

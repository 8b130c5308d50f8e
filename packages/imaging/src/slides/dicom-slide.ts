// Slides in DICOM: a level is a file, or several that are one instance cut in parts (a concatenation); a tile is a frame, by its turn (tiled full) or
// by the place that the file says (tiled sparse). A tile without a frame is glass.

import type { wasmCodecs } from "../dicom/codecs/wasm-codecs.js";
import { corrupt, ImagingError } from "../errors.js";
import { type DicomLevelFile, readLevelFile, refused } from "./dicom-level-file.js";
import type { RangeReader } from "./range-reader.js";
import type { SlideLevel, TileStore } from "./slide.js";

/** A level, of however many files. */
interface DicomLevel extends SlideLevel {
  readonly columns: number;
  has(tile: number): boolean;
  tile(tile: number): Promise<Uint8Array>;
}

/** Frames by their tiles. @throws ImagingError `unsupported_format` where two lie at one place */
function placed(parts: readonly DicomLevelFile[]): Map<number, readonly [DicomLevelFile, number]> {
  const found = new Map<number, readonly [DicomLevelFile, number]>();
  for (const part of parts) {
    for (const [frame, tile] of (part.places ?? []).entries()) {
      if (found.has(tile)) throw refused("with several frames at one place", "Export one focal plane and one optical path as a slide.");
      found.set(tile, [part, frame]);
    }
  }
  return found;
}

/** Parts of one level. @throws ImagingError `unsupported_format`, `corrupt_image` */
function levelOf(parts: readonly DicomLevelFile[]): DicomLevel {
  const [first] = parts;
  if (first === undefined) throw corrupt("DICOM slide level without files");
  const { width, height, tileWidth, tileHeight, micronsPerPixel, columns, tiles } = first;
  const level = { width, height, tileWidth, tileHeight, micronsPerPixel, columns };
  const alike = (part: DicomLevelFile) =>
    part.width === width && part.height === height && part.tileWidth === tileWidth && part.tileHeight === tileHeight;
  if (!parts.every((part) => alike(part) && (part.places === undefined) === (first.places === undefined)))
    throw corrupt("DICOM slide whose parts of one level differ in size or organisation");
  if (first.places !== undefined) {
    const frames = placed(parts);
    return {
      ...level,
      has: (tile) => frames.has(tile),
      async tile(tile) {
        const [part, frame] = frames.get(tile) ?? [];
        if (part === undefined || frame === undefined) throw corrupt(`DICOM slide tile ${tile} — expected one that is stored`);
        return part.tile(frame);
      },
    };
  }
  const ordered = [...parts].sort((a, b) => (a.concatenation?.offset ?? 0) - (b.concatenation?.offset ?? 0));
  const starts = ordered.map((_, i) => ordered.slice(0, i).reduce((sum, part) => sum + part.frames, 0));
  const frames = ordered.reduce((sum, part) => sum + part.frames, 0);
  const whole = ordered.every((part, i) => (part.concatenation?.offset ?? 0) === starts[i]);
  if (first.concatenation !== undefined && (frames !== tiles || !whole))
    throw corrupt(
      `DICOM slide level in several files — expected all ${tiles} frames of its concatenation, got ${frames} of ${parts.length} files; they belong into one folder`,
    );
  if (frames !== tiles) throw corrupt(`DICOM slide of ${tiles} tiles — expected a frame for each, got ${frames}`);
  return {
    ...level,
    has: () => true,
    async tile(tile) {
      const at = starts.findLastIndex((start) => start <= tile);
      const part = ordered[at];
      if (part === undefined) throw corrupt(`DICOM slide tile ${tile} — expected one of ${tiles}`);
      return part.tile(tile - (starts[at] ?? 0));
    },
  };
}

/**
 * Opens a slide of the files of its levels; files of something else are left out.
 * @throws ImagingError `unsupported_format`, `corrupt_image`, `too_large`, `too_many_frames`
 */
export async function dicomSlide(readers: readonly RangeReader[], codecs: ReturnType<typeof wasmCodecs>): Promise<TileStore> {
  const files: DicomLevelFile[] = [];
  for (const reader of readers) {
    const file = await readLevelFile(reader, codecs);
    if (file !== undefined) files.push(file);
  }
  if (files.length === 0)
    throw refused("without levels", "Give a file of VL Whole Slide Microscopy, or the folder of its levels; read other images as images.");
  const series = new Set(files.map((file) => file.series));
  if (series.size > 1)
    throw new ImagingError(
      "unsupported_format",
      `DICOM slide — expected files of one series, got ${series.size}. Give each slide by itself.`,
    );
  const parts = new Map<string | DicomLevelFile, DicomLevelFile[]>();
  for (const file of files) {
    const key = file.concatenation?.uid ?? file;
    parts.set(key, [...(parts.get(key) ?? []), file]);
  }
  const found = [...parts.values()].map(levelOf);
  const levels = found.sort((a, b) => b.width - a.width).filter(({ width }, i) => width !== found[i - 1]?.width);
  const levelAt = (index: number): DicomLevel => {
    const level = levels[index];
    if (level === undefined) throw corrupt(`slide level ${index} — expected one of ${levels.length}`);
    return level;
  };
  return {
    format: "dicom",
    levels: levels.map(({ width, height, tileWidth, tileHeight, micronsPerPixel }) => ({
      width,
      height,
      tileWidth,
      tileHeight,
      micronsPerPixel,
    })),
    notes: found.length > levels.length ? ["the series holds several pictures of one size; the first of each is read"] : [],
    has: async (index, column, row) => {
      const level = levelAt(index);
      return level.has(row * level.columns + column);
    },
    tile: async (index, column, row) => {
      const level = levelAt(index);
      return level.tile(row * level.columns + column);
    },
  };
}

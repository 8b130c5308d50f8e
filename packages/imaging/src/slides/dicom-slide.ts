// Slides in DICOM (VL Whole Slide Microscopy, tiled full): one file a level, one frame a tile, row by row. What stands before the pixels is read
// as a data set; frames are read by ranges, found by the offset tables or by their fragments. No tag of a patient is looked at.

import type { wasmCodecs } from "../dicom/codecs/wasm-codecs.js";
import { type DicomDataSet, readDicomHead } from "../dicom/data-set.js";
import { WHOLE_SLIDE } from "../dicom/not-images.js";
import { describePixels, type PixelDescription } from "../dicom/pixel-description.js";
import { colourPixels } from "../dicom/rendering.js";
import { frameDecoder } from "../dicom/stored-values.js";
import { frameCoding, SYNTAX } from "../dicom/transfer-syntaxes.js";
import { corrupt, ImagingError } from "../errors.js";
import { type FrameAt, frameReader } from "./dicom-frames.js";
import type { RangeReader } from "./range-reader.js";
import type { SlideLevel, TileStore } from "./slide.js";

const PIXELS = "x7fe00010";
const FIRST_HEAD = 256 * 1024;
const MAX_HEAD = 64 * 2 ** 20;
const MAX_TILE_PIXELS = 4096 * 4096;
const MAX_TILES = 16_000_000;

/** A file that is a level, or a picture of the glass around it. */
interface DicomLevel extends SlideLevel {
  readonly series: string | undefined;
  readonly columns: number;
  readonly tile: (index: number) => Promise<Uint8Array>;
}

function refused(what: string, advice: string): ImagingError {
  return new ImagingError("unsupported_format", `DICOM slide ${what} — expected 8-bit colour or grey, tiled full. ${advice}`);
}

/** What stands before the pixels; undefined where the file is no whole slide. */
async function headOf(reader: RangeReader): Promise<{ dataset: DicomDataSet; syntax: string } | undefined> {
  for (let length = FIRST_HEAD; ; length *= 4) {
    const whole = length >= reader.size;
    const head = await readDicomHead(await reader.range(0, Math.min(length, reader.size)), !whole && length < MAX_HEAD);
    if (head === undefined) continue;
    if (head.dataset.text("x00080016") !== WHOLE_SLIDE) return undefined;
    if (head.dataset.has(PIXELS)) return head;
    if (whole) throw corrupt("DICOM slide without pixels");
    if (length >= MAX_HEAD)
      throw new ImagingError("too_large", `DICOM slide whose pixels begin behind ${MAX_HEAD} bytes. Export it again.`);
  }
}

/** Tiles lie row by row, and there is one picture of them. @throws ImagingError `unsupported_format`, `corrupt_image` */
function requireFull(dataset: DicomDataSet, tiles: number, frames: number): void {
  const organisation = dataset.text("x00209311");
  const placed = dataset.items("x52009230").some((frame) => frame.has("x0048021a"));
  if (organisation === "TILED_SPARSE" || (organisation !== "TILED_FULL" && placed))
    throw refused("that is tiled sparse", "Convert it to TILED_FULL, for instance with highdicom or wsidicomizer.");
  const [planes, paths] = [dataset.integer("x00480303", false) ?? 1, dataset.integer("x00480302", false) ?? 1];
  if (planes > 1 || paths > 1) throw refused(`with ${planes} focal planes and ${paths} optical paths`, "Export one of them as a slide.");
  if (frames !== tiles) throw corrupt(`DICOM slide of ${tiles} tiles — expected a frame for each, got ${frames}`);
}

function micronsOf(dataset: DicomDataSet): number | undefined {
  const spacing = dataset.items("x52009229")[0]?.items("x00289110")[0]?.decimal("x00280030", 1);
  return spacing !== undefined && spacing > 0 && spacing < 10 ? spacing * 1000 : undefined;
}

/** Bytes of a frame → RGB8. */
function tileDecoder(syntax: string, dataset: DicomDataSet, description: PixelDescription, codecs: ReturnType<typeof wasmCodecs>) {
  const decode = frameDecoder(frameCoding(syntax), syntax, description, dataset.element(PIXELS)?.vr !== "OB", codecs);
  return async (bytes: Uint8Array): Promise<Uint8Array> => {
    const frame = await decode(bytes);
    if (description.samples === 3) return colourPixels(frame, 8);
    const rgb = new Uint8Array(frame.values.length * 3);
    for (const [i, value] of frame.values.entries()) rgb.fill(value, i * 3, i * 3 + 3);
    return rgb;
  };
}

/** Reads a file. @returns undefined where it is no level of a whole slide: something else, a label, an overview */
async function readLevel(reader: RangeReader, codecs: ReturnType<typeof wasmCodecs>): Promise<DicomLevel | undefined> {
  const head = await headOf(reader);
  if (head === undefined) return undefined;
  const { dataset, syntax } = head;
  if (["LABEL", "OVERVIEW"].includes(dataset.text("x00080008", 2) ?? "")) return undefined;
  const description = describePixels(dataset, { maxPixels: MAX_TILE_PIXELS, maxFrames: MAX_TILES });
  const { rows: tileHeight, columns: tileWidth, samples, bitsAllocated, signed, photometric, frames } = description;
  if (bitsAllocated !== 8 || signed || (samples === 1 && photometric !== "MONOCHROME2"))
    throw refused(`with ${bitsAllocated} bits and ${samples} samples a pixel`, "Export it as 8-bit colour.");
  const [width, height] = [dataset.integer("x00480006", false) ?? 0, dataset.integer("x00480007", false) ?? 0];
  if (width === 0 || height === 0) throw corrupt(`DICOM slide without a size — expected at least 1×1, got ${width}×${height}`);
  const columns = Math.ceil(width / tileWidth);
  requireFull(dataset, columns * Math.ceil(height / tileHeight), frames);
  const native = frameCoding(syntax) === "native";
  if (syntax === SYNTAX.deflated) throw refused("that is deflated", "Store it in another transfer syntax.");
  const frameAt: FrameAt = await frameReader(reader, dataset, { frames, native, frameBytes: tileWidth * tileHeight * samples });
  const decode = tileDecoder(syntax, dataset, description, codecs);
  return {
    ...{ width, height, tileWidth, tileHeight, columns, micronsPerPixel: micronsOf(dataset) },
    series: dataset.text("x0020000e"),
    tile: async (index) => decode(await frameAt(index)),
  };
}

/**
 * Opens a slide of the files of its levels; files of something else are left out.
 * @throws ImagingError `unsupported_format`, `corrupt_image`, `too_large`, `too_many_frames`
 */
export async function dicomSlide(readers: readonly RangeReader[], codecs: ReturnType<typeof wasmCodecs>): Promise<TileStore> {
  const found: DicomLevel[] = [];
  for (const reader of readers) {
    const level = await readLevel(reader, codecs);
    if (level !== undefined) found.push(level);
  }
  if (found.length === 0)
    throw refused("without levels", "Give a file of VL Whole Slide Microscopy, or the folder of its levels; read other images as images.");
  const series = new Set(found.map((level) => level.series));
  if (series.size > 1)
    throw new ImagingError(
      "unsupported_format",
      `DICOM slide — expected files of one series, got ${series.size}. Give each slide by itself.`,
    );
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
    has: async () => true,
    tile: async (index, column, row) => {
      const level = levelAt(index);
      return level.tile(row * level.columns + column);
    },
  };
}

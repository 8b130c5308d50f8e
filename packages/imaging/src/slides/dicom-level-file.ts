// One file of a DICOM slide (VL Whole Slide Microscopy): what stands before the pixels is read as a data set; frames are read by ranges, found by
// the offset tables or by their fragments. No tag of a patient is looked at.

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
import type { SlideLevel } from "./slide.js";

const PIXELS = "x7fe00010";
const FIRST_HEAD = 256 * 1024;
const MAX_HEAD = 64 * 2 ** 20;
const MAX_TILE_PIXELS = 4096 * 4096;
const MAX_TILES = 16_000_000;

/** A file that is a level, or a part of one. */
export interface DicomLevelFile extends SlideLevel {
  readonly series: string | undefined;
  /** tiles in a row, and in all */
  readonly columns: number;
  readonly tiles: number;
  readonly frames: number;
  /** of a level that lies in several files: what they have in common, and the frames of the level before this file's first */
  readonly concatenation: { readonly uid: string; readonly offset: number } | undefined;
  /** Tiles of the frames, where they are placed one by one; undefined where all tiles follow each other. */
  readonly places: readonly number[] | undefined;
  /** RGB8 of a frame of this file. */
  readonly tile: (frame: number) => Promise<Uint8Array>;
}

export function refused(what: string, advice: string): ImagingError {
  return new ImagingError("unsupported_format", `DICOM slide ${what} — expected 8-bit colour or grey, in tiles. ${advice}`);
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

/** @throws ImagingError `unsupported_format` */
function requireOnePicture(dataset: DicomDataSet): void {
  const [planes, paths] = [dataset.integer("x00480303", false) ?? 1, dataset.integer("x00480302", false) ?? 1];
  if (planes > 1 || paths > 1) throw refused(`with ${planes} focal planes and ${paths} optical paths`, "Export one of them as a slide.");
}

/** Where each frame of a sparse slide lies, as the tile of a grid. @throws ImagingError `unsupported_format`, `corrupt_image` */
function placesOf(dataset: DicomDataSet, frames: number, level: Pick<DicomLevelFile, keyof SlideLevel | "columns">): number[] | undefined {
  const groups = dataset.items("x52009230");
  const organisation = dataset.text("x00209311");
  const placed = groups[0]?.has("x0048021a") === true;
  if (organisation !== "TILED_SPARSE" && (organisation === "TILED_FULL" || !placed)) return undefined;
  if (groups.length !== frames) throw corrupt(`DICOM slide of ${frames} placed tiles — expected a place for each, got ${groups.length}`);
  return groups.map((group) => {
    const [position] = group.items("x0048021a");
    const [x, y] = [(position?.integer("x0048021e", true) ?? 0) - 1, (position?.integer("x0048021f", true) ?? 0) - 1];
    if (x < 0 || y < 0 || x >= level.width || y >= level.height) throw corrupt("DICOM slide with a tile that lies outside of it");
    if (x % level.tileWidth !== 0 || y % level.tileHeight !== 0)
      throw refused("whose tiles lie off a grid", "Convert it to TILED_FULL, for instance with highdicom or wsidicomizer.");
    return (y / level.tileHeight) * level.columns + x / level.tileWidth;
  });
}

/** What the files of a level have in common that lies in several; undefined of others. */
function concatenationOf(dataset: DicomDataSet): DicomLevelFile["concatenation"] {
  const uid = dataset.text("x00209161");
  return uid === undefined ? undefined : { uid, offset: dataset.integer("x00209228", false) ?? 0 };
}

function micronsOf(dataset: DicomDataSet): number | undefined {
  const spacing = dataset.items("x52009229")[0]?.items("x00289110")[0]?.decimal("x00280030", 1);
  return spacing !== undefined && spacing > 0 && spacing < 10 ? spacing * 1000 : undefined;
}

/** Bytes of a frame → RGB8. */
function tileDecoder(syntax: string, dataset: DicomDataSet, description: PixelDescription, codecs: ReturnType<typeof wasmCodecs>) {
  const decode = frameDecoder(frameCoding(syntax), syntax, description, dataset.element(PIXELS)?.vr !== "OB", codecs);
  return async (bytes: Uint8Array): Promise<Uint8Array> => {
    // a frame without a byte is glass
    if (bytes.length === 0) return new Uint8Array(description.rows * description.columns * 3).fill(255);
    const frame = await decode(bytes);
    if (description.samples === 3) return colourPixels(frame, 8);
    const rgb = new Uint8Array(frame.values.length * 3);
    for (const [i, value] of frame.values.entries()) rgb.fill(value, i * 3, i * 3 + 3);
    return rgb;
  };
}

/** Reads a file. @returns undefined where it is no level of a whole slide: something else, a label, an overview */
export async function readLevelFile(reader: RangeReader, codecs: ReturnType<typeof wasmCodecs>): Promise<DicomLevelFile | undefined> {
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
  requireOnePicture(dataset);
  const columns = Math.ceil(width / tileWidth);
  const level = { width, height, tileWidth, tileHeight, columns, micronsPerPixel: micronsOf(dataset) };
  const places = placesOf(dataset, frames, level);
  const native = frameCoding(syntax) === "native";
  if (syntax === SYNTAX.deflated) throw refused("that is deflated", "Store it in another transfer syntax.");
  const frameAt: FrameAt = await frameReader(reader, dataset, { frames, native, frameBytes: tileWidth * tileHeight * samples });
  const decode = tileDecoder(syntax, dataset, description, codecs);
  return {
    ...{ ...level, tiles: columns * Math.ceil(height / tileHeight), frames, places },
    series: dataset.text("x0020000e"),
    concatenation: concatenationOf(dataset),
    tile: async (frame) => decode(await frameAt(frame)),
  };
}

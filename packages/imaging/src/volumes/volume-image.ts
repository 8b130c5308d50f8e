// A volume as a stack of slices along one plane of the body: read within limits, each slice cut when it is asked for, shown as grey DICOM is.

import type { DecodedImage, FrameOptions, ImageStack } from "../decoder.js";
import { fullRange, type ModalityStep, rangeWindow, type ValueRange, windowFunction } from "../dicom/grey-values.js";
import { greyPixels } from "../dicom/rendering.js";
import type { StoredValues } from "../dicom/stored-values.js";
import { corrupt, ImagingError } from "../errors.js";
import { ByteView } from "../headers/byte-view.js";
import { gunzipPart, gunzipStart, isGzip } from "./gunzip.js";
import { isNifti, NIFTI_HEADER_BYTES, readNiftiHeader } from "./nifti.js";
import { readNrrdHeader } from "./nrrd.js";
import { orientationOf, type Plane, type Walk, walksOf } from "./orientation.js";
import type { SliceFacts } from "./slice-facts.js";
import { type VolumeHeader, volumeTooLarge, voxelBytes } from "./volume-header.js";

/** What bounds a volume, and how it is cut. */
export interface VolumeReading {
  readonly maxPixels: number;
  /** most bytes of voxels, inflated where they were packed */
  readonly maxInflated: number;
  readonly plane: Plane;
}

/** The header of bytes that begin as a volume does; undefined of others, gzip of something else among them. @throws as the readers of headers do */
async function headerOf(bytes: Uint8Array): Promise<VolumeHeader | undefined> {
  const view = new ByteView(bytes, "volume");
  if (view.has(0, "NRRD000")) return readNrrdHeader(bytes);
  if (isNifti(view)) return readNiftiHeader(bytes, false);
  if (!isGzip(bytes)) return undefined;
  const start = await gunzipStart(bytes, NIFTI_HEADER_BYTES);
  return isNifti(new ByteView(start, "volume")) ? readNiftiHeader(start, true) : undefined;
}

/** Bytes of the first volume. The limits are known to hold. */
async function voxelsOf(bytes: Uint8Array, header: VolumeHeader, maxInflated: number): Promise<Uint8Array> {
  const { offset, packedAt, volumes } = header;
  const needed = voxelBytes(header);
  if (packedAt !== undefined) {
    // what comes after the first volume is inflated for its sum, and dropped
    const most = Math.max(maxInflated, offset + needed * volumes);
    return gunzipPart(bytes.subarray(packedAt), offset, needed, most);
  }
  if (offset + needed > bytes.length)
    throw corrupt(`${header.format.toUpperCase()} that ends early — expected ${offset + needed} bytes, got ${bytes.length}`);
  return bytes.subarray(offset, offset + needed);
}

/** A volume whose voxels are at hand. */
class Voxels {
  readonly #header: VolumeHeader;
  readonly #view: DataView;
  readonly #walks: readonly [Walk, Walk, Walk];
  readonly step: ModalityStep;
  #range: ValueRange | undefined;

  constructor(header: VolumeHeader, voxels: Uint8Array, walks: readonly [Walk, Walk, Walk]) {
    this.#header = header;
    this.#view = new DataView(voxels.buffer, voxels.byteOffset, voxels.byteLength);
    this.#walks = walks;
    const { scaling } = header;
    this.step =
      scaling === undefined
        ? { apply: (stored) => stored, identity: true }
        : { apply: (stored) => stored * scaling.slope + scaling.intercept, identity: false };
  }

  /** Stored values of a slice, rows one after another. */
  slice(index: number): StoredValues {
    const { type, little } = this.#header;
    const [columns, rows, slices] = this.#walks;
    const out = type.make(columns.count * rows.count);
    const start = slices.start + index * slices.step;
    for (let y = 0, to = 0; y < rows.count; y++) {
      let at = (start + columns.start + rows.start + y * rows.step) * type.bytes;
      for (let x = 0; x < columns.count; x++, to++, at += columns.step * type.bytes) out[to] = type.read(this.#view, at, little);
    }
    return out;
  }

  /** Ends of the whole volume's values, found once; what is no number does not count. */
  range(): ValueRange {
    if (this.#range !== undefined) return this.#range;
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    const { type, little } = this.#header;
    const { apply } = this.step;
    // as they lie, whatever the plane: a walk across a large volume would leave the processor's caches at every voxel
    for (let at = 0; at < this.#view.byteLength; at += type.bytes) {
      const value = apply(type.read(this.#view, at, little));
      if (!Number.isFinite(value)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
    this.#range = low <= high ? { low, high } : { low: 0, high: 0 };
    return this.#range;
  }

  /** How the volume is shown: as asked, else as the file says, else 8 bits as they are, else from its lowest value to its highest. */
  window(asked: FrameOptions["window"]): ReturnType<typeof rangeWindow> {
    if (asked !== undefined && asked !== "min-max")
      return { display: windowFunction(asked, "LINEAR"), shown: { ...asked, source: "asked" } };
    const { shown, type } = this.#header;
    if (asked === undefined && shown !== undefined) {
      const window = { center: (shown.low + shown.high) / 2, width: shown.high - shown.low };
      return { display: windowFunction(window, "LINEAR_EXACT"), shown: { ...window, source: "file" } };
    }
    if (asked === undefined && type.shades && this.step.identity) return fullRange(8);
    return rangeWindow(this.range());
  }
}

function notesOf({ notes, volumes, steps }: VolumeHeader, [columns, rows]: readonly Walk[], tilt: number): string[] {
  const long = (walk: Walk | undefined) => (walk === undefined ? 1 : Math.hypot(...steps[walk.axis]));
  return [
    ...notes,
    ...(volumes > 1 ? [`the first of ${volumes} volumes is shown`] : []),
    ...(tilt > 5 ? [`the grid is tilted by ${tilt.toFixed(0)}° against the body's axes; it is not resampled`] : []),
    ...(Math.abs(long(columns) / long(rows) - 1) > 0.01 ? ["pixels are not square; they are not resampled"] : []),
  ];
}

/** Refuses what is too large, before anything is allocated. */
function requireSize(header: VolumeHeader, walks: readonly [Walk, Walk, Walk], { maxPixels, maxInflated }: VolumeReading): void {
  const [{ count: width }, { count: height }, { count: frames }] = walks;
  if (width * height > maxPixels)
    throw new ImagingError(
      "too_large",
      `image too large — expected at most ${maxPixels} pixels, got ${width}×${height}. Make it smaller, or raise maxPixels.`,
    );
  if (frames > 100_000)
    throw new ImagingError("too_many_frames", `volume with ${frames} slices — expected at most 100000. Cut it smaller.`);
  if (voxelBytes(header) > maxInflated) throw volumeTooLarge(header.format.toUpperCase(), voxelBytes(header), maxInflated);
}

/**
 * Opens a volume; undefined where the bytes are none.
 * @throws ImagingError `not_an_image`, `unsupported_format`, `corrupt_image`, `too_large`, `too_many_frames`
 */
export async function openVolume(bytes: Uint8Array, reading: VolumeReading): Promise<ImageStack | undefined> {
  const header = await headerOf(bytes);
  if (header === undefined) return undefined;
  const { format, size, steps } = header;
  const found = orientationOf(steps);
  if (found === undefined)
    throw corrupt(`${format.toUpperCase()} whose axes span no volume — expected three steps that do not lie in one plane`);
  const walks = walksOf(reading.plane, size, found.orientation);
  requireSize(header, walks, reading);
  const voxels = new Voxels(header, await voxelsOf(bytes, header, reading.maxInflated), walks);
  const [{ count: width }, { count: height }, { count: frames }] = walks;
  return {
    format,
    frames,
    windowed: true,
    async frame(index, { window: asked } = {}): Promise<DecodedImage> {
      if (!(Number.isInteger(index) && index >= 0 && index < frames))
        throw new ImagingError(
          "bad_option",
          `frame — expected one of ${frames} slices, got number ${index + 1} (counted from 1). Ask for one that the volume has.`,
        );
      const { display, shown } = voxels.window(asked);
      const data = greyPixels(voxels.slice(index), voxels.step, display, false);
      const notes = notesOf(header, walks, found.tilt);
      const slice: SliceFacts = { frame: index + 1, frames, plane: reading.plane, window: shown, notes };
      return { data, width, height, format, slice };
    },
  };
}

// A DICOM file as a stack of frames: read within limits, refused in words where it is no picture, each frame decoded when it is asked for.
// What is told about a frame holds no tag of a patient.

import type { DecodedImage, FrameOptions, ImageStack } from "../decoder.js";
import { ImagingError } from "../errors.js";
import type { wasmCodecs } from "./codecs/wasm-codecs.js";
import { type DicomDataSet, readDicomFile } from "./data-set.js";
import type { DicomFacts, ShownWindow } from "./dicom-facts.js";
import { encapsulatedFrames, type FrameBytes, nativeFrames } from "./frame-bytes.js";
import {
  type FileWindow,
  fileWindow,
  fullRange,
  type ModalityStep,
  modalityStep,
  paddingOf,
  rangeWindow,
  type ValueRange,
  windowFunction,
} from "./grey-values.js";
import { lookupTable } from "./lookup-table.js";
import { requirePicture, WHOLE_SLIDE } from "./not-images.js";
import { describePixels, type PixelDescription } from "./pixel-description.js";
import { colourPixels, greyPixels, palettePixels, rangeOf } from "./rendering.js";
import { frameDecoder, type StoredFrame } from "./stored-values.js";
import { frameCoding, SYNTAX } from "./transfer-syntaxes.js";
import { cropped, ultrasoundRegion } from "./ultrasound-region.js";

/** Windows by name, in HU (center, width). */
export const WINDOW_PRESETS = {
  lung: { center: -600, width: 1500 },
  mediastinum: { center: 40, width: 400 },
  abdomen: { center: 60, width: 400 },
  liver: { center: 90, width: 150 },
  bone: { center: 400, width: 1800 },
  brain: { center: 40, width: 80 },
  stroke: { center: 35, width: 35 },
  subdural: { center: 75, width: 215 },
} as const satisfies Readonly<Record<string, { center: number; width: number }>>;

const WINDOW_WORDS = Object.keys(WINDOW_PRESETS).join(", ");

/**
 * A window as a person writes it: a preset's name, "min-max", or CENTER/WIDTH; "file" is the file's own, undefined.
 * @throws ImagingError `bad_option`
 */
export function parseWindow(text: string): FrameOptions["window"] {
  if (text === "file") return undefined;
  if (text === "min-max") return "min-max";
  const preset = Object.entries(WINDOW_PRESETS).find(([name]) => name === text)?.[1];
  if (preset !== undefined) return preset;
  const [, center, width] = /^(-?\d+(?:\.\d+)?)\/(\d+(?:\.\d+)?)$/.exec(text) ?? [];
  if (center !== undefined && width !== undefined && Number(width) >= 1) return { center: Number(center), width: Number(width) };
  throw new ImagingError(
    "bad_option",
    `window — expected file, min-max, ${WINDOW_WORDS}, or CENTER/WIDTH with a width of at least 1, got ${JSON.stringify(text.slice(0, 40))}. For instance: lung, or -600/1500.`,
  );
}

/** What bounds a file, and the codecs. */
export interface DicomReading {
  readonly maxPixels: number;
  /** most bytes of a deflated file, inflated */
  readonly maxInflated: number;
  readonly codecs: ReturnType<typeof wasmCodecs>;
  /** crop to the file's first ultrasound region */
  readonly ultrasoundRegion?: boolean;
}

/** An opened file. */
export interface DicomStack extends ImageStack {
  /** Stored values of a frame, before any rule of display; for tests and measurements. */
  stored(index: number): Promise<StoredFrame>;
}

/** The last frame decoded, so that looking at one frame several times decodes it once. */
class FrameCache {
  #last: { readonly index: number; readonly frame: StoredFrame } | undefined;
  readonly #decode: (index: number) => Promise<StoredFrame>;

  constructor(decode: (index: number) => Promise<StoredFrame>) {
    this.#decode = decode;
  }

  async frame(index: number): Promise<StoredFrame> {
    if (this.#last?.index === index) return this.#last.frame;
    const frame = await this.#decode(index);
    this.#last = { index, frame };
    return frame;
  }
}

/** Everything of an opened file that showing a frame needs. */
interface Opened {
  readonly dataset: DicomDataSet;
  readonly description: PixelDescription;
  readonly syntax: string;
  readonly big: boolean;
  readonly cache: FrameCache;
  range: Promise<ValueRange> | undefined;
}

/** Ends of the whole file's values, padding left out, found once. */
function rangeOfFile(opened: Opened): Promise<ValueRange> {
  opened.range ??= (async () => {
    const { dataset, description, cache, big } = opened;
    const isPadding = paddingOf(dataset, description);
    let [inside, all]: (ValueRange | undefined)[] = [];
    const wider = (a: ValueRange | undefined, b: ValueRange | undefined) =>
      a === undefined || b === undefined ? (a ?? b) : { low: Math.min(a.low, b.low), high: Math.max(a.high, b.high) };
    for (let index = 0; index < description.frames; index++) {
      const { values } = await cache.frame(index);
      const step = modalityStep(dataset, index, description, big);
      inside = wider(inside, rangeOf(values, step, isPadding));
      if (inside === undefined)
        all = wider(
          all,
          rangeOf(values, step, () => false),
        );
    }
    return inside ?? all ?? { low: 0, high: 0 };
  })();
  return opened.range;
}

/** How a grey frame is shown. */
async function windowOf(
  opened: Opened,
  index: number,
  { values }: StoredFrame,
  step: ModalityStep,
  asked: FrameOptions["window"],
): Promise<FileWindow> {
  const { dataset, description, big } = opened;
  if (asked !== undefined && asked !== "min-max") {
    return { display: windowFunction(asked, "LINEAR"), shown: { ...asked, source: "asked" } };
  }
  if (asked === undefined) {
    const own = fileWindow(dataset, index, () => (rangeOf(values, step, () => false)?.low ?? 0) < 0, big);
    if (own !== undefined) return own;
    if (step.identity && description.bitsStored <= 8 && !description.signed) return fullRange(description.bitsStored);
  }
  return rangeWindow(await rangeOfFile(opened));
}

/** Pixels of a frame as RGB8, and the window that they are shown in. */
async function shown(
  opened: Opened,
  index: number,
  asked: FrameOptions["window"],
): Promise<{ data: Uint8Array; window: ShownWindow | undefined }> {
  const { dataset, description, big } = opened;
  const frame = await opened.cache.frame(index);
  if (description.photometric === "PALETTE COLOR") {
    const table = (n: 1 | 2 | 3) => lookupTable(dataset, `x0028110${n}`, `x0028120${n}`, false, big);
    return { data: palettePixels(frame.values, [table(1), table(2), table(3)]), window: undefined };
  }
  if (description.samples === 3) return { data: colourPixels(frame, description.bitsStored), window: undefined };
  const step = modalityStep(dataset, index, description, big);
  const { display, shown: window } = await windowOf(opened, index, frame, step, asked);
  return { data: greyPixels(frame.values, step, display, description.photometric === "MONOCHROME1"), window };
}

const UNDRAWN: readonly (readonly [`x${string}`, string])[] = [
  ["x60000010", "an overlay is not drawn"],
  ["x00181600", "a display shutter is not drawn"],
  ["x00700001", "graphic annotations are not drawn"],
  ["x20500010", "a presentation LUT is not applied"],
];

/** What a reader should know of a file. */
function notesOf(dataset: DicomDataSet, modality: string | undefined): string[] {
  const notes = UNDRAWN.filter(([tag]) => dataset.has(tag)).map(([, note]) => note);
  const [across, down] = [
    dataset.decimal("x00280030", 0) ?? dataset.decimal("x00280034", 0),
    dataset.decimal("x00280030", 1) ?? dataset.decimal("x00280034", 1),
  ];
  if (across !== undefined && down !== undefined && down > 0 && Math.abs(across / down - 1) > 0.01)
    notes.push("pixels are not square; they are not resampled");
  if (dataset.text("x00080016") === WHOLE_SLIDE && (dataset.decimal("x00280008") ?? 1) > 1)
    notes.push("one tile of a whole-slide image; biovlm slide reads all of them");
  const burned = dataset.text("x00280301")?.toUpperCase();
  if (burned === "YES") notes.push("the file says that names may be burned into the pixels");
  else if (burned !== "NO" && modality !== undefined && ["US", "SC", "XA"].includes(modality))
    notes.push(`${modality} often has names burned into the pixels; the file does not say`);
  return notes;
}

function requireIndex(index: number, frames: number): void {
  if (Number.isInteger(index) && index >= 0 && index < frames) return;
  throw new ImagingError(
    "bad_option",
    `frame — expected one of ${frames}, got number ${index + 1} (counted from 1). Ask for one that the file has.`,
  );
}

function requireWindow(window: FrameOptions["window"], grey: boolean): void {
  if (window === undefined) return;
  if (!grey) throw new ImagingError("bad_option", "window — expected none for colour, which is shown as it is. Leave it out.");
  if (window !== "min-max" && !(Number.isFinite(window.center) && window.width >= 1 && Number.isFinite(window.width))) {
    throw new ImagingError(
      "bad_option",
      `window — expected a center and a width of at least 1, got ${window.center} and ${window.width}. Correct it.`,
    );
  }
}

/** Frames of a file whose header passed. */
function framesOf(dataset: DicomDataSet, syntax: string, description: PixelDescription): FrameBytes {
  return frameCoding(syntax) === "native" ? nativeFrames(dataset, description) : encapsulatedFrames(dataset, description);
}

/**
 * Opens a DICOM file.
 * @throws ImagingError `not_an_image`, `unsupported_format` (also for no region where one is asked for), `corrupt_image`, `too_large`, `too_many_frames`
 */
export async function openDicom(bytes: Uint8Array, reading: DicomReading): Promise<DicomStack> {
  const { dataset, syntax } = await readDicomFile(bytes, reading.maxInflated);
  requirePicture(dataset.text("x00080016"), dataset.has("x7fe00010"));
  const coding = frameCoding(syntax);
  const description = describePixels(dataset, reading);
  const source = framesOf(dataset, syntax, description);
  const decode = frameDecoder(coding, syntax, description, dataset.element("x7fe00010")?.vr !== "OB", reading.codecs);
  const cache = new FrameCache((index) => decode(source(index)));
  const opened: Opened = { dataset, description, syntax, big: syntax === SYNTAX.bigEndian, cache, range: undefined };
  const modality = /^[A-Z]{2,4}$/.exec(dataset.text("x00080060") ?? "")?.[0];
  const { frames, rows, columns } = description;
  const region = reading.ultrasoundRegion === true ? ultrasoundRegion(dataset, columns, rows) : undefined;
  const grey = description.samples === 1 && description.photometric !== "PALETTE COLOR";
  return {
    format: "dicom",
    frames,
    windowed: grey,
    stored: async (index) => {
      requireIndex(index, frames);
      return cache.frame(index);
    },
    async frame(index, { window: asked } = {}): Promise<DecodedImage> {
      requireIndex(index, frames);
      requireWindow(asked, grey);
      const { data, window } = await shown(opened, index, asked);
      const inverted = description.photometric === "MONOCHROME1";
      const notes = notesOf(dataset, modality);
      const dicom: DicomFacts = { frame: index + 1, frames, modality, syntax, window, inverted, ...(region && { region }), notes };
      if (region === undefined) return { data, width: columns, height: rows, format: "dicom", dicom };
      const { width, height } = region;
      return { data: cropped(data, columns, region), width, height, format: "dicom", dicom };
    },
  };
}

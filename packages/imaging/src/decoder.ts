// The contract of an image decoder: untrusted bytes in, RGB8 pixels out, within limits that are checked on the header
// before anything is allocated. Two implementations: `sharpDecoder` (@biovlm/imaging/node) and `browserDecoder`.
// It does not resize, crop or normalise: that is @biovlm/core's exact kernel. It never reads a path or a URL.

import type { DicomFacts } from "./dicom/dicom-facts.js";
import { ImagingError } from "./errors.js";
import { PLANES, type Plane } from "./volumes/orientation.js";
import type { SliceFacts } from "./volumes/slice-facts.js";

/** Formats that are decoded. */
export type ImageFormat = "png" | "jpeg" | "webp" | "tiff" | "bmp" | "pnm" | "gif" | "jpeg-2000" | "dicom" | "nifti" | "nrrd";

/** Pixels of one image: `data[(y * width + x) * 3 + channel]`, channels R, G, B, 8 bits each, no padding. */
export interface DecodedImage {
  /** width · height · 3 bytes. Owned by the caller. */
  readonly data: Uint8Array;
  /** Pixels, after the EXIF orientation was applied. */
  readonly width: number;
  readonly height: number;
  /** What the bytes were, by their content (a file name is never asked). */
  readonly format: ImageFormat;
  /** What a DICOM file says of the frame, without any tag of a patient. */
  readonly dicom?: DicomFacts;
  /** What is told of a slice of a volume, without any text of its header. */
  readonly slice?: SliceFacts;
  /** Which page of a TIFF of several, counted from 1; `notes` says it, too. */
  readonly page?: PageFacts;
  /** What a reader should know of an image that is neither DICOM nor a volume; absent where there is nothing. */
  readonly notes?: readonly string[];
  /** True of 16-bit grey that declares no range and uses less than a quarter of 16 bits: nearly black unless a range is named. */
  readonly unsaidRange?: true;
}

/** Which page of a file of several was read. */
export interface PageFacts {
  /** counted from 1 */
  readonly frame: number;
  /** pages of the file, ≥ 1 */
  readonly frames: number;
}

/** Values of grey of more than 8 bits that become 0 and 255; what lies beyond is clamped. */
export interface GreyRange {
  readonly low: number;
  readonly high: number;
}

/** Limits and choices. Every limit is inclusive. */
export interface DecodeOptions {
  /** Most pixels (width × height). Default 64 000 000. */
  readonly maxPixels?: number;
  /** Most bytes of the file. Default 64 MiB. */
  readonly maxBytes?: number;
  /** Most frames a PNG or WebP may hold, and levels a TIFF that is a slide; only the first is ever decoded. Default 1: animations and slides are
   * refused. Pages of other TIFFs are frames, see `frame`.
   * Of a GIF the first frame is read whatever their number, and `notes` says so. */
  readonly maxFrames?: number;
  /** `apply` (default) turns the image upright by its EXIF orientation; `ignore` leaves the stored rows, as open_clip's own pipeline does. */
  readonly exif?: "apply" | "ignore";
  /** `true` (default) refuses an image at the decoder's first warning, so that damaged data never becomes pixels. `false` refuses only
   * truncation and errors, which is what PIL does. Browsers decide this for JPEG and WebP themselves; truncation is refused there too. */
  readonly strict?: boolean;
  /** Which frame of a DICOM file, slice of a volume or page of a TIFF of several `decode` reads, counted from 0. Default: the middle one, frame
   * ⌊frames / 2⌋. Of other formats `decode` reads their one frame. */
  readonly frame?: number;
  /** The plane that slices of a volume (NIfTI, NRRD) are cut along. Default: axial. */
  readonly plane?: Plane;
  /** How grey DICOM and volumes are shown. Default: as the file says, else from its lowest value to its highest. What is neither
   * `decode` shows as it is. */
  readonly window?: FrameOptions["window"];
  /** Which values of 16-bit grey become 0 and 255. Default: what the file declares, else all 16 bits. Grey of 32 and 64 bits, with a sign or
   * with fractions (TIFF, JPEG 2000) is refused without it, `unsupported_format`. DICOM has `window` for it. */
  readonly range?: GreyRange | undefined;
  /** `true` crops to the first region that an ultrasound file names (0018,6011); an image that names none is refused,
   * `unsupported_format`. Default: the whole frame. */
  readonly ultrasoundRegion?: boolean;
  /** Reject with `timeout` after so many milliseconds. Default: none. */
  readonly timeoutMs?: number;
}

/** DecodeOptions with the defaults filled in. */
export type ResolvedDecodeOptions = Required<Omit<DecodeOptions, "timeoutMs" | "frame" | "window" | "range">> & {
  readonly timeoutMs: number | undefined;
  readonly frame: number | undefined;
  readonly window: FrameOptions["window"];
  readonly range: GreyRange | undefined;
};

/** How one frame is shown. */
export interface FrameOptions {
  /** Values that become 0 to 255: center ± width / 2, in the format's own units (CT: HU); "min-max": from the file's lowest value to its
   * highest. A format without a window refuses it: `bad_option`. */
  readonly window?: { readonly center: number; readonly width: number } | "min-max" | undefined;
}

/** An opened image: a still one is a stack of one frame; series, cines, volumes and TIFFs of several pages have more. */
export interface ImageStack {
  /** What the bytes were, by their content. */
  readonly format: ImageFormat;
  /** Frames that can be read, ≥ 1. */
  readonly frames: number;
  /** Whether frames can be shown in a window: grey DICOM and volumes. */
  readonly windowed: boolean;
  /** Decodes frame `index`, counted from 0. One frame is held at a time, by the caller. @throws ImagingError `bad_option`, or as `decode` */
  frame(index: number, options?: FrameOptions): Promise<DecodedImage>;
}

/** Turns image bytes into pixels. Calls may overlap; the bytes must not change until the promise settles and are not kept after it. */
export interface ImageDecoder {
  /** "sharp" or "browser", for diagnostics. */
  readonly name: string;
  /** Formats this decoder can read on this host. */
  readonly formats: readonly ImageFormat[];
  /** Decodes the first frame to RGB8: grey repeated, palette expanded, alpha dropped (not composited), CMYK converted,
   * 16-bit samples divided by 257 and rounded. Colour profiles are ignored, as PIL's `convert("RGB")` ignores them.
   * @throws ImagingError (rejects), never anything else. */
  decode(bytes: Uint8Array, options?: DecodeOptions): Promise<DecodedImage>;
  /** Reads the header, applies the limits, decodes nothing yet; the bytes must not change while frames are read.
   * @throws ImagingError (rejects), as `decode` does for a header. */
  open(bytes: Uint8Array, options?: DecodeOptions): Promise<ImageStack>;
}

/** Defaults of decoding: 64 megapixels, 64 MiB, one frame, EXIF orientation applied, damaged files refused, no time limit. */
export const DEFAULT_DECODE_OPTIONS = {
  maxPixels: 64_000_000,
  maxBytes: 64 * 1024 * 1024,
  maxFrames: 1,
  exif: "apply",
  strict: true,
  timeoutMs: undefined,
  frame: undefined,
  plane: "axial",
  window: undefined,
  range: undefined,
  ultrasoundRegion: false,
} as const satisfies ResolvedDecodeOptions;

const OPTION_NAMES = Object.keys(DEFAULT_DECODE_OPTIONS);

/** Fills in defaults and refuses unknown names and values out of range. @throws ImagingError `bad_option` */
export function resolveDecodeOptions(options: DecodeOptions = {}): ResolvedDecodeOptions {
  for (const name of Object.keys(options)) {
    if (!OPTION_NAMES.includes(name)) {
      throw new ImagingError(
        "bad_option",
        `unknown decode option "${name.slice(0, 40)}" — expected one of ${OPTION_NAMES.join(", ")}. Correct the name.`,
      );
    }
  }
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as DecodeOptions;
  const resolved: ResolvedDecodeOptions = { ...DEFAULT_DECODE_OPTIONS, ...given };
  for (const name of ["maxPixels", "maxBytes", "maxFrames"] as const) requireCount(name, resolved[name]);
  if (resolved.timeoutMs !== undefined) requireCount("timeoutMs", resolved.timeoutMs);
  if (resolved.exif !== "apply" && resolved.exif !== "ignore") throw badValue("exif", '"apply" or "ignore"', resolved.exif);
  const { range } = resolved;
  if (range !== undefined && !(range.low < range.high && Number.isFinite(range.high - range.low)))
    throw badValue("range", "numbers with low < high", `${range.low}..${range.high}`);
  if (!PLANES.includes(resolved.plane)) throw badValue("plane", PLANES.join(" or "), resolved.plane);
  for (const name of ["strict", "ultrasoundRegion"] as const)
    if (typeof resolved[name] !== "boolean") throw badValue(name, "true or false", resolved[name]);
  return resolved;
}

function requireCount(name: string, value: unknown): void {
  if (!Number.isSafeInteger(value) || (value as number) < 1) throw badValue(name, "a whole number ≥ 1", value);
}

function badValue(name: string, expected: string, value: unknown): ImagingError {
  return new ImagingError(
    "bad_option",
    `decode option ${name} — expected ${expected}, got ${String(value).slice(0, 40)}. Correct the value.`,
  );
}

// The options of this package, each declared once: how image files are read, how much a serving engine takes (what is opened:
// open/opening-spec.ts). The command line's flags, its help and the config file are made of these tables, and so are the types here.

import type { OptionSchemas, OptionsOf } from "./option-schema.js";

const MiB = 1024 * 1024;

/** How large an image may be, at every edge: a mammogram or a large radiograph is within it. */
export const IMAGE_LIMITS = {
  maxImageBytes: { type: "integer", minimum: 1, maximum: 1024 * MiB, default: 64 * MiB, description: "largest image file" },
  maxPixels: { type: "integer", minimum: 1, maximum: 1_000_000_000, default: 64_000_000, description: "largest image in pixels" },
} as const satisfies OptionSchemas;
/** How large an image may be. */
export type ImageLimitOptions = OptionsOf<typeof IMAGE_LIMITS>;

/** Which frame of DICOM, slice of a volume or page of a TIFF is shown, in which window, and which values of other 16-bit grey. What is neither is shown as it is. */
export const FRAME_OPTIONS = {
  frame: {
    type: "string",
    default: "middle",
    description:
      "frame of DICOM with several, slice of a volume, or page of a TIFF: middle, or a number from 1; classify also takes all and every=K",
  },
  plane: {
    type: "string",
    enum: ["axial", "coronal", "sagittal"],
    default: "axial",
    description: "plane that slices of a volume (NIfTI, NRRD) are cut along",
  },
  window: {
    type: "string",
    default: "file",
    description:
      "window of grey DICOM and volumes: file, min-max, lung, mediastinum, abdomen, liver, bone, brain, stroke, subdural, or CENTER/WIDTH",
  },
  range: {
    type: "string",
    default: "file",
    description:
      "values of grey of more than 8 bits (PNG, TIFF, PNM, JPEG 2000) that become black and white: file, full, bits=N, or LOW..HIGH",
  },
  ultrasoundRegion: {
    type: "boolean",
    default: false,
    description: "crop ultrasound DICOM to the first region that the file names; what names none is refused",
  },
} as const satisfies OptionSchemas;
/** Which frame of DICOM or slice of a volume is shown, in which window, and which values of other 16-bit grey. */
export type FrameChoice = OptionsOf<typeof FRAME_OPTIONS>;

/** How image files are read, and how many are encoded at once. */
export const IMAGE_OPTIONS = {
  exif: {
    type: "string",
    enum: ["apply", "ignore"],
    default: "apply",
    description: "turn images upright by their EXIF orientation",
  },
  ...IMAGE_LIMITS,
  ...FRAME_OPTIONS,
  batch: { type: "integer", minimum: 1, maximum: 4096, default: 16, description: "images encoded at once" },
} as const satisfies OptionSchemas;
/** How image files are read, and how many are encoded at once. */
export type ImageOptions = OptionsOf<typeof IMAGE_OPTIONS>;

/** How a serving engine batches, how many processes it has, how large an image it takes, and how it shows one. */
export const SERVING_LIMITS = {
  pool: { type: "integer", minimum: 0, maximum: 64, default: 1, description: "encoder processes; 0 encodes in the server's own process" },
  maxBatch: { type: "integer", minimum: 1, maximum: 1024, default: 32, description: "images encoded at once" },
  maxQueueDelayMs: {
    type: "number",
    minimum: 0,
    maximum: 10_000,
    default: 0,
    description: "longest wait for a batch to fill, milliseconds",
  },
  maxQueue: {
    type: "integer",
    minimum: 1,
    maximum: 1_000_000,
    default: 512,
    description: "images that may wait; more are refused with 429",
  },
  maxModelBytes: {
    type: "integer",
    minimum: 1,
    maximum: 2 ** 50,
    description:
      "memory that models may take together: one that is not in memory is loaded when it is asked for, and those unused for longest go; all stay in memory when absent",
  },
  ...IMAGE_LIMITS,
  plane: FRAME_OPTIONS.plane,
  window: FRAME_OPTIONS.window,
  range: FRAME_OPTIONS.range,
  ultrasoundRegion: FRAME_OPTIONS.ultrasoundRegion,
} as const satisfies OptionSchemas;
/** How a serving engine batches, how many processes it has, and how large an image it takes. */
export type ServingLimits = OptionsOf<typeof SERVING_LIMITS>;

// How image files are read, and how many are encoded at once: the flags alone.

import { IMAGE_OPTIONS as SCHEMAS } from "@biovlm/engine/options";
import { flagsOf } from "./schema-flags.js";

/** Of commands that read images file by file. */
export const IMAGE_OPTIONS = flagsOf(SCHEMAS, [
  "exif",
  "maxImageBytes",
  "maxPixels",
  "frame",
  "plane",
  "window",
  "range",
  "ultrasoundRegion",
  "batch",
]);

/** Of commands that read a data set's images. */
export const IMAGE_LIMITS = flagsOf(SCHEMAS, ["maxImageBytes", "maxPixels", "frame", "plane", "window", "range", "ultrasoundRegion"]);

/** Of commands that read pixels of their own making, a tile at a time. */
export const BATCH_OPTION = flagsOf(SCHEMAS, ["batch"]);

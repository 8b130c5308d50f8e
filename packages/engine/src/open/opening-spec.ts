// What to open, in plain words (a model, a device), so that it can be sent to a child process and made flags of.

import type { OptionSchemas, OptionsOf } from "../options/option-schema.js";
import { DEVICES } from "./backends.js";

/** Which model runs, where and how. */
export const OPENING_OPTIONS = {
  model: { type: "string", default: "tiny", description: "model: tiny, one of the store, or a folder" },
  device: { type: "string", enum: ["auto", ...DEVICES], default: "auto", description: "where the towers run" },
  threads: {
    type: "integer",
    minimum: 1,
    maximum: 1024,
    description: "CPU or WASM threads; what the machine, or the quota of its control group, offers when absent",
  },
  precision: { type: "string", enum: ["fp32", "fp16", "int8"], default: "fp32", description: "arithmetic of the towers" },
  deterministic: {
    type: "boolean",
    default: false,
    description:
      "the same bits on every machine: plain SIMD in the core; int8 image towers by onnxruntime, served ones on one image at a time",
  },
  maxCacheBytes: {
    type: "integer",
    minimum: 0,
    maximum: 2 ** 50,
    default: 2 * 2 ** 30,
    description:
      "most bytes of text embeddings and reduced weights kept in the cache folder, and as many of image embeddings; what was not used for longest goes first",
  },
} as const satisfies OptionSchemas;
type Options = OptionsOf<typeof OPENING_OPTIONS>;
/** What to open: a model ("tiny", a name of the store, or a folder: anything with a path separator), a device, and how its towers compute. */
export type OpeningSpec = Omit<Options, "maxCacheBytes"> &
  Partial<Pick<Options, "maxCacheBytes">> & {
    /**
     * What computes the image tower in int8 on the processor: compiled kernels where they are, whatever `deterministic` says, or onnxruntime. Unless
     * said, compiled kernels where they are, and onnxruntime where `deterministic` is asked for.
     */
    readonly imageTower?: "native" | "onnxruntime";
  };

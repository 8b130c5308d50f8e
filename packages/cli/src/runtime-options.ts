// Which model a command runs, where and how: the options alone. opening.ts acts on them.

import { DEVICES } from "@biovlm/engine/backends";
import type { OptionSpecs, OptionValues } from "./command.js";

const DEVICE_CHOICES: readonly string[] = ["auto", ...DEVICES];
const PRECISIONS = ["fp32", "fp16", "int8"] as const;

/** Options that every command with a model has. */
export const RUNTIME_OPTIONS = {
  model: {
    type: "text",
    value: "NAME|DIR",
    default: "tiny",
    setting: true,
    description: "model: tiny, one of the store, or a folder",
    completes: "folder",
  },
  device: { type: "choice", choices: DEVICE_CHOICES, default: "auto", setting: true, description: "where the towers run" },
  threads: { type: "integer", min: 1, max: 1024, setting: true, description: "CPU or WASM threads; what the machine offers when absent" },
  precision: { type: "choice", choices: PRECISIONS, default: "fp32", setting: true, description: "arithmetic of the towers" },
  deterministic: {
    type: "flag",
    setting: true,
    description: "the same bits on every machine: plain SIMD in the core; served int8 towers run on one image at a time",
  },
} as const satisfies OptionSpecs;

export type RuntimeOptions = OptionValues<typeof RUNTIME_OPTIONS>;

// Which model a command runs, where and how: the flags alone. opening.ts acts on them.

import { OPENING_OPTIONS } from "@biovlm/engine/options";
import type { OptionValues } from "./command.js";
import { flagsOf } from "./schema-flags.js";

/** Options that every command with a model has. */
export const RUNTIME_OPTIONS = flagsOf(OPENING_OPTIONS, ["model", "device", "threads", "precision", "deterministic", "maxCacheBytes"], {
  model: { value: "NAME|DIR", completes: "folder" },
});

export type RuntimeOptions = OptionValues<typeof RUNTIME_OPTIONS>;

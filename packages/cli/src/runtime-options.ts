// Which model a command runs, where and how: the flags alone. opening.ts acts on them.

import { OPENING_OPTIONS } from "@biovlm/engine/options";
import type { OptionValues } from "./command.js";
import { flagsOf } from "./schema-flags.js";

/** Options that every command with a model has. */
export const RUNTIME_OPTIONS = flagsOf(OPENING_OPTIONS, ["model", "device", "threads", "precision", "deterministic", "maxCacheBytes"], {
  model: { value: "NAME|DIR", completes: "folder" },
});

/** Options of a plan: what its workers run with. They are deterministic always. */
export const PLANNED_OPTIONS = flagsOf(OPENING_OPTIONS, ["model", "device", "precision", "maxCacheBytes"], {
  model: { value: "NAME|DIR", completes: "folder" },
});

/** Options that a worker of a plan has of its own. */
export const WORKER_OPTIONS = flagsOf(OPENING_OPTIONS, ["threads", "maxCacheBytes"]);

export type RuntimeOptions = OptionValues<typeof RUNTIME_OPTIONS>;

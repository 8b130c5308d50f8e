// What learning keeps between runs: embeddings, and states of stopped runs. Both may be lost; a run then computes more.

import { join } from "node:path";
import { dataFolders, fileStore } from "@biovlm/files/node";
import { expendable, type KeyedBytes } from "@biovlm/training/loop";
import { reportError } from "./errors.js";
import type { LearningOptions } from "./learning-options.js";
import type { RuntimeOptions } from "./runtime-options.js";
import type { Terminal } from "./terminal.js";

/** The cache of embeddings, or none. A folder that cannot be read or written is a warning: everything in it can be computed again. */
export function cacheOf(
  options: Pick<LearningOptions, "cache"> & Pick<RuntimeOptions, "maxCacheBytes">,
  terminal: Terminal,
): KeyedBytes | undefined {
  if (options.cache === "off") return undefined;
  return expendable(fileStore(join(dataFolders().cache, "embeddings"), { maxBytes: options.maxCacheBytes }), (error) =>
    terminal.warn(`embeddings are not kept for the next run: ${reportError(error).message}`),
  );
}

/** States of stopped runs. Where they cannot be kept, a stopped run starts afresh; the result is the same. */
export function checkpointsOf(terminal: Terminal): KeyedBytes & { delete(key: string): Promise<void> } {
  const store = fileStore(join(dataFolders().cache, "checkpoints"));
  const kept = expendable(store, (error) => terminal.warn(`the run cannot be resumed if it is stopped: ${reportError(error).message}`));
  return { ...kept, delete: (key) => store.delete(key).catch(() => {}) };
}

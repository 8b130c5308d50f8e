import type { Core, CoreBuild } from "./core.js";
import { createReferenceCore } from "./reference.js";

export interface LoadOptions {
  readonly deterministic?: boolean;
  readonly build?: CoreBuild;
}

export async function loadCore(_options: LoadOptions = {}): Promise<Core> {
  return createReferenceCore();
}

// The numeric core that an opening asks for.

import type { Core } from "@biovlm/core";
import type { OpeningSpec } from "./opening-spec.js";

/** The core: plain SIMD where the same bits are wanted everywhere, else the fastest build. */
export async function openCore({ deterministic }: OpeningSpec): Promise<Core> {
  const { loadCore } = await import("@biovlm/core");
  return loadCore({ deterministic });
}

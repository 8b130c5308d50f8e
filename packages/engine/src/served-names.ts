// The names that an engine serves, each a model with a bank: looked up, and refused in words where there is none or it was unloaded.

import { EngineError } from "./contract/errors.js";
import type { ModelPlace } from "./model-place.js";

/** A served name: its model and its bank. */
export interface Served {
  readonly name: string;
  readonly place: ModelPlace;
  readonly bankName: string | undefined;
  /** of its own bank's classes */
  readonly prevalence: string | undefined;
  readonly rho: number | undefined;
  /** false where it was unloaded by name */
  offered: boolean;
}

/** @throws EngineError `unknown_model` with the names that there are */
export function findServed(served: ReadonlyMap<string, Served>, name: string): Served {
  const found = served.get(name);
  if (found === undefined)
    throw new EngineError("unknown_model", `model — expected one of ${[...served.keys()].join(", ")}, got another name. Correct it.`);
  return found;
}

/** @throws EngineError `unknown_model`, `model_unloaded` */
export function offeredServed(served: ReadonlyMap<string, Served>, name: string): Served {
  const found = findServed(served, name);
  if (found.offered) return found;
  throw new EngineError(
    "model_unloaded",
    `model ${name} — expected one that is served now, got one that was unloaded by name. Load it again (POST /v2/repository/models/${name}/load).`,
  );
}

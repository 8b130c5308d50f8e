// `--prevalence`: how common each class is where the images come from; the engine reads it, here it is a flag.

import { EngineError, prevalenceShares } from "@biovlm/engine";
import { usageError } from "./errors.js";

/** As `prevalenceShares`. @throws CliError `bad_value` (exit 2) */
export function prevalenceOf(text: string | undefined, classes: readonly string[]): readonly number[] | "learned" | undefined {
  try {
    return prevalenceShares(text, classes);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw usageError("bad_value", `--${error.message.replace(/^\[[^\]]*\] /, "").replace(/ Correct it\.$/, "")}`);
  }
}

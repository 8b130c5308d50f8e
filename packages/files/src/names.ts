// Names of models and banks: what a name may look like. Checked before anything is looked up, so that a path never passes for a name.

import { FilesError } from "./errors.js";
import { quoted } from "./quoted.js";

/** Names of models, banks, keys and data sets: 1 to 64 letters, digits, dots, dashes and underscores, a letter or digit first. */
export const NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Returns the name; throws `FilesError` (`bad_name`) for anything else. `what` stands in the message: "model name". */
export function checkName(name: unknown, what = "model name"): string {
  if (typeof name !== "string" || !NAME_PATTERN.test(name)) {
    const shown = typeof name === "string" ? quoted(name) : typeof name;
    throw new FilesError(
      "bad_name",
      `${what} — expected 1 to 64 letters, digits, dots, dashes or underscores, got ${shown}. Use a plain name.`,
    );
  }
  return name;
}

// Names of data sets: what a name may look like, and the nearest known one for an unknown name.
// A name is checked before anything is looked up, so that a path never passes for one.

import { NAME_PATTERN, nearest } from "@biovlm/files";
import { DatasetError } from "./errors.js";

/** @throws DatasetError `bad_name` */
export function requireName(name: string): string {
  if (typeof name !== "string" || !NAME_PATTERN.test(name)) {
    const shown = typeof name === "string" ? JSON.stringify(name.slice(0, 40)) : typeof name;
    throw new DatasetError(
      "bad_name",
      `data-set name — expected 1 to 64 letters, digits, dots, dashes or underscores, got ${shown}. Use a name of \`biovlm data ls\`.`,
    );
  }
  return name;
}

/** The entry of `known` for a name, whatever its case. @throws DatasetError `bad_name`, `unknown_dataset` */
export function requireKnown(name: string, known: readonly string[]): string {
  const wanted = requireName(name).toLowerCase();
  const found = known.find((entry) => entry.toLowerCase() === wanted);
  if (found !== undefined) return found;
  const near = nearest(wanted, known);
  throw new DatasetError(
    "unknown_dataset",
    `unknown data set "${name}" — expected one of ${known.join(", ")}. ${near === undefined ? "Choose one of these." : `Did you mean "${near}"?`}`,
  );
}

/** Options must be known by name. @throws DatasetError `bad_option` with the nearest known one */
export function requireOptions(what: string, options: object, known: readonly string[]): void {
  const unknown = Object.keys(options).find((key) => !known.includes(key));
  if (unknown === undefined) return;
  const near = nearest(unknown, known);
  throw new DatasetError(
    "bad_option",
    `${what} option "${unknown.slice(0, 40)}" — expected one of ${known.join(", ")}. ${near === undefined ? "Remove it." : `Did you mean "${near}"?`}`,
  );
}

// Names of data sets: what a name may look like, and the nearest known one for an unknown name.
// A name is checked before anything is looked up, so that a path never passes for one.

import { DatasetError } from "./errors.js";

export const NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

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
  const near = nearestName(wanted, known);
  throw new DatasetError(
    "unknown_dataset",
    `unknown data set "${name}" — expected one of ${known.join(", ")}. ${near === undefined ? "Choose one of these." : `Did you mean "${near}"?`}`,
  );
}

/** Options must be known by name. @throws DatasetError `bad_option` with the nearest known one */
export function requireOptions(what: string, options: object, known: readonly string[]): void {
  const unknown = Object.keys(options).find((key) => !known.includes(key));
  if (unknown === undefined) return;
  const near = nearestName(unknown, known);
  throw new DatasetError(
    "bad_option",
    `${what} option "${unknown.slice(0, 40)}" — expected one of ${known.join(", ")}. ${near === undefined ? "Remove it." : `Did you mean "${near}"?`}`,
  );
}

/** The candidate with the fewest edits, if that is at most a third of its length (at least 2). Ties by order. */
export function nearestName(name: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const edits = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (edits < least && edits <= Math.max(2, Math.floor(candidate.length / 3))) [best, least] = [candidate, edits];
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length]!;
}

// Classes of two lists brought together by name: a data set's folders, an attribute file, a bank, a list on the command line. Never by place:
// the same names in another order are the same classes, and other names are refused with both lists printed.

import { DatasetError } from "./errors.js";

/** A name as it is compared: letter case, `_`, `-`, runs of spaces and the Unicode form do not matter. */
export function classKey(name: string): string {
  return name
    .normalize("NFKC")
    .toLowerCase()
    .replace(/[\s_-]+/g, " ")
    .trim();
}

/** What the two lists are called in messages, and names that mean the same. */
export interface ClassMatchOptions {
  /** what `wanted` is, e.g. "data set breastmnist" */
  readonly wantedFrom: string;
  /** what `given` is, e.g. "attribute file" */
  readonly givenFrom: string;
  /** name in `wanted` → name in `given`, where people call one thing by two names */
  readonly rename?: Readonly<Record<string, string>> | undefined;
  /** how a name is mapped at this edge, for the message. Default `--rename folder=name` */
  readonly remedy?: string | undefined;
}

/**
 * For every name of `wanted` its place in `given`: a permutation where both hold the same classes.
 * @returns [C] indices into `given`, in the order of `wanted`
 * @throws DatasetError `unknown_class` where a name has no counterpart or two of one list read alike; `bad_option` for a rename of no class
 */
export function matchClasses(wanted: readonly string[], given: readonly string[], options: ClassMatchOptions): number[] {
  const { wantedFrom, givenFrom, rename = {}, remedy = "Use the same names, or map them: --rename folder=name" } = options;
  const places = keyed(given, givenFrom);
  keyed(wanted, wantedFrom);
  const renamed = new Map<string, string>();
  for (const [from, to] of Object.entries(rename)) {
    if (!wanted.some((name) => classKey(name) === classKey(from)))
      throw new DatasetError(
        "bad_option",
        `rename ${quoted(from)} — expected a class of ${wantedFrom} (${listed(wanted)}). Correct the name.`,
      );
    renamed.set(classKey(from), classKey(to));
  }
  const found = wanted.map((name) => places.get(renamed.get(classKey(name)) ?? classKey(name)));
  const missing = wanted.filter((_, i) => found[i] === undefined);
  const extra = given.filter((_, i) => !found.includes(i));
  if (missing.length > 0 || extra.length > 0) {
    throw new DatasetError(
      "unknown_class",
      `classes of ${givenFrom} — expected those of ${wantedFrom} (${listed(wanted)}), got ${listed(given)}. ${remedy}.`,
    );
  }
  return found.flatMap((place) => (place === undefined ? [] : [place]));
}

/** Names as a bank writes its own: each that reads like one of `own` becomes it, others stay. */
export function likeOwn(own: readonly string[], names: readonly string[]): string[] {
  const keys = new Map(own.map((name) => [classKey(name), name]));
  return names.map((name) => keys.get(classKey(name)) ?? name);
}

/** True where two lists hold the same classes in the same order. */
export function sameClasses(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, i) => classKey(name) === classKey(b[i] ?? ""));
}

function keyed(names: readonly string[], from: string): Map<string, number> {
  const places = new Map<string, number>();
  for (const [i, name] of names.entries()) {
    const key = classKey(name);
    const before = places.get(key);
    if (before !== undefined) {
      throw new DatasetError(
        "unknown_class",
        `classes of ${from} — expected names that differ by more than case, "_", "-" and spaces, got ${quoted(names[before] ?? "")} and ${quoted(name)}. Rename one.`,
      );
    }
    places.set(key, i);
  }
  return places;
}

const SHOWN = 20;

function listed(names: readonly string[]): string {
  const shown = names.slice(0, SHOWN).map(quoted).join(", ");
  return names.length > SHOWN ? `${shown} and ${names.length - SHOWN} more` : shown;
}

function quoted(name: string): string {
  return JSON.stringify(name.length > 60 ? `${name.slice(0, 60)}…` : name);
}

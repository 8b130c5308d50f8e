// Class names as people type them: one a line, or all on one line with commas between; and which of them are new names of old classes.

import { classKey } from "@biovlm/datasets";
import type { ClassSource } from "../engine/protocol.js";

/** Names typed, each once, in their order. Commas divide a line that stands alone; among several lines they belong to the names. */
export function typedNames(text: string): string[] {
  const lines = parts(text, "\n");
  const [only] = lines;
  return lines.length === 1 && only !== undefined ? parts(only, ",") : lines;
}

function parts(text: string, mark: string): string[] {
  return [...new Set(text.split(mark).map((part) => part.trim()))].filter((part) => part !== "");
}

/** Two names that are one class: they differ in case, "_", "-" or spaces alone. */
export function alikeNames(names: readonly string[]): readonly [string, string] | undefined {
  const seen = new Map<string, string>();
  for (const name of names) {
    const other = seen.get(classKey(name));
    if (other !== undefined) return [other, name];
    seen.set(classKey(name), name);
  }
  return undefined;
}

/** Places of classes by what their names mean, whatever their case, "_", "-" and spaces. */
export function classPlaces(classes: readonly string[]): (name: string) => number | undefined {
  const places = new Map(classes.map((name, c) => [classKey(name), c]));
  return (name) => places.get(classKey(name));
}

/**
 * Old name → new name of lines that were written anew: as many new names as old ones between the same neighbours. `open`: no name stayed, so
 * that the neighbours do not tell whether these are the old classes; the person has to.
 */
export function renamedClasses(
  before: readonly string[],
  after: readonly string[],
): { readonly names: Map<string, string>; readonly open: boolean } {
  const names = new Map<string, string>();
  const [was, is] = [classPlaces(before), classPlaces(after)];
  const stayed = before.filter((name) => is(name) !== undefined);
  if (stayed.length === 0) {
    if (before.length === after.length) for (const [c, name] of before.entries()) names.set(name, after[c] ?? name);
    return { names, open: names.size > 0 };
  }
  let [from, to] = [0, 0];
  for (const anchor of [...stayed, undefined]) {
    const [next, then] = anchor === undefined ? [before.length, after.length] : [before.indexOf(anchor), is(anchor) ?? 0];
    // lines that changed places say nothing of names
    if (then < to) return { names: new Map(), open: false };
    const [old, fresh] = [before.slice(from, next), after.slice(to, then)];
    if (old.length === fresh.length && fresh.every((name) => was(name) === undefined))
      for (const [c, name] of old.entries()) names.set(name, fresh[c] ?? name);
    [from, to] = [next + 1, then + 1];
  }
  return { names, open: false };
}

/** The same choice of classes. */
export function sameSource(a: ClassSource, b: ClassSource): boolean {
  if (a.kind === "bank" || b.kind === "bank") return a.kind === b.kind && a === b;
  return JSON.stringify(a) === JSON.stringify(b);
}

// What a good attribute set obeys beyond its schema: enough phrases, all different, none that names another class.
// Judged on words alone; whether a phrase is true of its class is for people to say.

import type { AttributeSet } from "./attribute-schema.js";

/** Something the lint found in an attribute set, with the class and sentence it stands at. */
export interface AttributeIssue {
  /** errors make a set unfit for a teacher; warnings are matters of taste */
  readonly level: "error" | "warning";
  readonly code: "count" | "repeated" | "shared" | "leak" | "own_name" | "form" | "length";
  readonly class: string;
  readonly attribute?: string;
  readonly message: string;
}

/** Phrases longer than this crowd the class out of a prompt. */
const LONG = 120;

/** @param perClass phrases wanted for each class. Default 10 @returns issues in class order; none for a sound set */
export function lintAttributes(set: AttributeSet, { perClass = 10 }: { readonly perClass?: number } = {}): AttributeIssue[] {
  const issues: AttributeIssue[] = [];
  const owners = new Map<string, string>();
  const names = set.classes.map(({ name }) => ({ name, words: words(name) }));
  for (const { name, attributes } of set.classes) {
    const add = (level: AttributeIssue["level"], code: AttributeIssue["code"], message: string, attribute?: string) =>
      issues.push({ level, code, class: name, message, ...(attribute === undefined ? {} : { attribute }) });
    if (attributes.length !== perClass) add("error", "count", `has ${attributes.length} attributes; ${perClass} are wanted`);
    for (const attribute of attributes) {
      const own = words(attribute);
      const key = own.join(" ");
      const owner = owners.get(key);
      if (owner === name) add("error", "repeated", "says the same twice", attribute);
      else if (owner !== undefined) add("error", "shared", `is also an attribute of "${owner}" and tells nothing apart`, attribute);
      else owners.set(key, name);
      for (const other of names) {
        if (!holds(own, other.words)) continue;
        if (other.name === name) add("warning", "own_name", "repeats its class name, which the template gives", attribute);
        else if (!holds(words(name), other.words)) add("error", "leak", `names the class "${other.name}"`, attribute);
      }
      if (/[\0-\x1f\x7f{}]/.test(attribute) || own.length === 0)
        add("error", "form", "has braces, control characters or no words", attribute);
      else if (/[.;:!?]\s*$/.test(attribute)) add("warning", "form", "ends like a sentence; a phrase fits the template", attribute);
      if (attribute.length > LONG) add("warning", "length", `has more than ${LONG} characters`, attribute);
    }
  }
  return issues;
}

/** Lower-case words, plural s dropped. */
function words(text: string): string[] {
  return (
    text
      .normalize("NFKC")
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? []
  ).map((word) => (/[^s]s$/.test(word) && word.length > 3 ? word.slice(0, -1) : word));
}

function holds(text: readonly string[], part: readonly string[]): boolean {
  if (part.length === 0) return false;
  for (let at = 0; at + part.length <= text.length; at++) if (part.every((word, i) => text[at + i] === word)) return true;
  return false;
}

// Classes that the text tower could not tell apart, refused before anything is encoded: two names or sentences that become the same tokens would
// share every answer evenly, which looks like doubt and is none.

import { nth, quoted } from "@biovlm/files";
import { ModelError } from "../contract/errors.js";

/** What one class becomes: the texts that stand for it, and their token ids in the same order. */
export interface ClassRows {
  readonly texts: readonly string[];
  readonly rows: readonly (readonly number[])[];
  /** true where a text was longer than the model reads */
  readonly cut: boolean;
}

/**
 * Passes where each class has a token row of its own in at least one prompt.
 * @throws ModelError `bad_classes` naming both classes and why they are alike
 */
export function checkToldApart(classes: readonly string[], all: readonly ClassRows[]): void {
  const seen = new Map<string, number>();
  for (const [c, own] of all.entries()) {
    const key = JSON.stringify(own.rows);
    const other = seen.get(key);
    if (other !== undefined) {
      throw new ModelError(
        "bad_classes",
        `class names — expected classes that the model can tell apart, got ${quoted(nth(classes, other))} and ${quoted(nth(classes, c))}, the same to it: ${why(nth(all, other), own)}. Name or describe one in other words.`,
      );
    }
    seen.set(key, c);
  }
}

function why(a: ClassRows, b: ClassRows): string {
  const plain = ({ texts }: ClassRows) =>
    JSON.stringify(
      texts.map((t) =>
        t
          .toLowerCase()
          .replaceAll(/[\s_]+/gu, " ")
          .trim(),
      ),
    );
  if (plain(a) === plain(b)) return "their texts are equal but for case, spaces and underscores";
  if (a.cut && b.cut) return "they differ only behind the place where the model cuts texts";
  return "they differ only in words or signs that the vocabulary does not have";
}

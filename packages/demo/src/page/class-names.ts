// Class names as people type them: one a line, or all on one line with commas between.

/** Names typed, each once, in their order. Commas divide a line that stands alone; among several lines they belong to the names. */
export function typedNames(text: string): string[] {
  const lines = parts(text, "\n");
  const [only] = lines;
  return lines.length === 1 && only !== undefined ? parts(only, ",") : lines;
}

function parts(text: string, mark: string): string[] {
  return [...new Set(text.split(mark).map((part) => part.trim()))].filter((part) => part !== "");
}

/** Two names that a reader takes for one: they differ in case or spaces alone. */
export function alikeNames(names: readonly string[]): readonly [string, string] | undefined {
  const seen = new Map<string, string>();
  for (const name of names) {
    const plain = name
      .normalize("NFC")
      .toLowerCase()
      .replace(/[\s_]+/g, " ");
    const other = seen.get(plain);
    if (other !== undefined) return [other, name];
    seen.set(plain, name);
  }
  return undefined;
}

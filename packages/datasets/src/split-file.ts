// Split files as CoOp, BiomedCoOp and their kin publish them: { train, val, test }, each a list of [path, label, class name].
// Read from text that may be hostile; no image is looked at.

import type { SplitName } from "./dataset.js";
import { DatasetError } from "./errors.js";
import { parseJsonText } from "./json-text.js";
import { relativePath } from "./relative-path.js";

/** One image of a split file. */
export interface SplitEntry {
  /** relative, forward slashes */
  readonly path: string;
  readonly label: number;
}

/** A split file in BiomedCoOp's form: which images are learned from, validated on and tested on. */
export interface SplitFile {
  /** by label */
  readonly classes: readonly string[];
  readonly splits: Readonly<Record<SplitName, readonly SplitEntry[]>>;
}

const SPLITS = ["train", "val", "test"] as const;

/** Labels are 0, 1, 2, …, one name each, and no image stands twice. @throws DatasetError `bad_file`, `too_large` */
export function parseSplitFile(text: string): SplitFile {
  const value = parseJsonText(text, "split file", { maxLength: 256 * 2 ** 20, maxDepth: 4 });
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw bad("an object with train, val and test", "something else");
  const unknown = Object.keys(value).find((key) => !(SPLITS as readonly string[]).includes(key));
  if (unknown !== undefined) throw bad("the keys train, val and test", "another key");
  const names = new Map<number, string>();
  const seen = new Set<string>();
  const read = (split: SplitName): SplitEntry[] => {
    const list = (value as Record<string, unknown>)[split] ?? [];
    if (!Array.isArray(list)) throw bad(`a list under ${split}`, typeof list);
    return list.map((entry: unknown, i) => {
      const where = `${split} entry ${i}`;
      if (!Array.isArray(entry) || entry.length !== 3) throw bad(`[path, label, class name] as ${where}`, "something else");
      const [path, label, name] = entry as unknown[];
      if (typeof path !== "string" || typeof name !== "string" || name.trim() === "" || name.length > 200)
        throw bad(`text for path and class name in ${where}`, "something else");
      if (!Number.isInteger(label) || (label as number) < 0 || (label as number) >= 10_000)
        throw bad(`a label from 0 in ${where}`, `${label}`);
      const known = names.get(label as number);
      if (known !== undefined && known !== name) throw bad(`one name for label ${label}`, `two, the second in ${where}`);
      names.set(label as number, name);
      const relative = relativePath(path, `split file, ${where}`);
      if (seen.has(relative)) throw bad("every image once", `${where} again`);
      seen.add(relative);
      return { path: relative, label: label as number };
    });
  };
  const splits = { train: read("train"), val: read("val"), test: read("test") };
  const classes = Array.from({ length: names.size }, (_, label) => names.get(label) ?? "");
  if (classes.length === 0 || classes.includes(""))
    throw bad("labels 0, 1, 2, … without a gap", `${[...names.keys()].sort((a, b) => a - b).join(", ")}`);
  if (splits.train.length === 0) throw bad("at least one train image", "none");
  return { classes, splits };
}

function bad(expected: string, got: string): DatasetError {
  return new DatasetError(
    "bad_file",
    `split file — expected ${expected}, got ${got}. Use a file of the form {"train": [[path, label, name], …], …}.`,
  );
}

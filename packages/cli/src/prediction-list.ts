// Files of `eval` that hold a line for each image: what was answered, and which side of the split it is on. Names of patients stay out: groups
// are numbers.

import { csvLine, csvPath, type DatasetItem } from "@biovlm/datasets";
import { groupNumbers } from "@biovlm/evaluation";
import { nth } from "@biovlm/files";

/** What is told of measured images. */
export interface Predictions {
  readonly classes: readonly string[];
  readonly items: readonly Pick<DatasetItem, "id" | "label">[];
  /** [n,C] */
  readonly probabilities: Float32Array;
  /** [n] kept prompts of each image, lowest entropy first, from 0 */
  readonly kept: readonly (readonly number[])[];
}

/** CSV: file, label, answer, a probability for each class, and the kept prompts, numbered from 1 as `classify` shows them. */
export function predictionList({ classes, items, probabilities, kept }: Predictions): string {
  const C = classes.length;
  const lines = items.map(({ id, label }, i) => {
    const row = Array.from(probabilities.subarray(i * C, i * C + C));
    const answer = row.indexOf(Math.max(...row));
    const prompts = nth(kept, i).map((prompt) => prompt + 1);
    return csvLine([csvPath(id), nth(classes, label), nth(classes, answer), ...row.map((p) => p.toPrecision(6)), prompts.join(" ")]);
  });
  return `${[csvLine(["file", "label", "answer", ...classes.map((name) => `p(${name})`), "kept"]), ...lines].join("\n")}\n`;
}

/** CSV that can be opened as a list again: image, label, split, and a group number where groups are known. */
export function splitList(classes: readonly string[], items: readonly DatasetItem[]): string {
  const groups = groupNumbers(items);
  const lines = items.map(({ id, label, split }, i) =>
    csvLine([csvPath(id), nth(classes, label), split ?? "", ...(groups === undefined ? [] : [nth(groups, i) + 1])]),
  );
  return `${[csvLine(["image", "label", "split", ...(groups === undefined ? [] : ["group"])]), ...lines].join("\n")}\n`;
}

// All answers by what the images are said to be, by their labels or by their folders: counts, which are right, which images are wrong. A group is
// right or wrong about an answer where its name is a class, compared as everywhere: case, "_", "-" and spaces do not matter. No element here.

import { classKey } from "@biovlm/datasets";
import { classPlaces } from "./class-names.js";
import type { ImageItem } from "./image-item.js";
import { folderClass } from "./labelling.js";

export type AnswerGrouping = "label" | "folder";

export interface AnswerCounts {
  /** names of the groups: the classes first, in their order */
  readonly groups: readonly string[];
  /** for each group the class it is; undefined where it is none of them */
  readonly places: readonly (number | undefined)[];
  /** [groups][C] images by what was answered */
  readonly counts: readonly (readonly number[])[];
  /** images with an answer, in a group that is a class */
  readonly judged: number;
  readonly right: number;
}

/** What an image is said to be; undefined where nothing is said. */
export function groupOf({ labelName, folder }: ImageItem, grouping: AnswerGrouping): string | undefined {
  if (grouping === "label") return labelName;
  const name = folderClass(folder);
  return name === "" ? undefined : name;
}

/** The class that was answered. */
function answerOf({ answer }: ImageItem): string | undefined {
  return answer?.predictions[0]?.class;
}

/** Whether an image was answered with another class than it is said to be; false where nothing is known. */
export function isWrong(image: ImageItem, grouping: AnswerGrouping, classes: readonly string[]): boolean {
  const [said, answered] = [groupOf(image, grouping), answerOf(image)];
  if (said === undefined || answered === undefined) return false;
  const placeOf = classPlaces(classes);
  const place = placeOf(said);
  return place !== undefined && place !== placeOf(answered);
}

/** Whether an image stands in a cell of the counts. */
export function isIn(image: ImageItem, grouping: AnswerGrouping, group: string, answered: string): boolean {
  const said = groupOf(image, grouping);
  return said !== undefined && classKey(said) === classKey(group) && answerOf(image) === answered;
}

export function answerCounts(images: readonly ImageItem[], grouping: AnswerGrouping, classes: readonly string[]): AnswerCounts {
  const placeOf = classPlaces(classes);
  const rows = new Map<string, { readonly name: string; readonly counts: number[] }>();
  for (const image of images) {
    const [said, answered] = [groupOf(image, grouping), placeOf(answerOf(image) ?? "")];
    if (said === undefined || answered === undefined) continue;
    const row = rows.get(classKey(said)) ?? { name: said, counts: classes.map(() => 0) };
    rows.set(classKey(said), row);
    row.counts[answered] = (row.counts[answered] ?? 0) + 1;
  }
  const rank = (name: string) => placeOf(name) ?? classes.length;
  const ordered = [...rows.values()].sort((a, b) => rank(a.name) - rank(b.name) || (a.name < b.name ? -1 : 1));
  const places = ordered.map(({ name }) => placeOf(name));
  let [judged, right] = [0, 0];
  for (const [r, { counts }] of ordered.entries()) {
    const place = places[r];
    if (place === undefined) continue;
    judged += counts.reduce((sum, one) => sum + one, 0);
    right += counts[place] ?? 0;
  }
  return { groups: ordered.map(({ name }) => name), places, counts: ordered.map(({ counts }) => counts), judged, right };
}

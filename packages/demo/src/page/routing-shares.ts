// Which prompts serve which kind of image: for each group the share of its images that keep each prompt. Numbers only; routing-view.ts draws.

import type { ImageItem } from "./image-item.js";
import { lastPart } from "./labelling.js";

export type Grouping = "folder" | "answer" | "label";

export interface RoutingGroup {
  readonly name: string;
  readonly images: number;
  /** [N] share of the images that keep the prompt */
  readonly shares: readonly number[];
}

/** Groups in the order of their names; images without an answer, or without what groups them, are left out. */
export function routingShares(
  images: readonly ImageItem[],
  grouping: Grouping,
  prompts: number,
  classes: readonly string[],
): RoutingGroup[] {
  const groups = new Map<string, { images: number; counts: number[] }>();
  for (const image of images) {
    if (image.answer === undefined) continue;
    const name = groupOf(image, grouping, classes);
    if (name === undefined) continue;
    const group = groups.get(name) ?? { images: 0, counts: new Array<number>(prompts).fill(0) };
    groups.set(name, group);
    group.images++;
    const kept = new Set(image.answer.kept.map(({ prompt }) => prompt));
    group.counts = group.counts.map((count, n) => count + (kept.has(n) ? 1 : 0));
  }
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([name, group]) => ({ name, images: group.images, shares: group.counts.map((n) => n / group.images) }));
}

function groupOf(image: ImageItem, grouping: Grouping, classes: readonly string[]): string | undefined {
  if (grouping === "answer") return image.answer?.predictions[0]?.class;
  if (grouping === "label") return image.label === undefined ? undefined : classes[image.label];
  return image.folder === "" ? "no folder" : lastPart(image.folder);
}

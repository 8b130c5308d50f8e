// Labels for learning: which images are learned from and which are measured on, and labels taken from folder names.

import { byLabel } from "@biovlm/datasets";
import { byCodeUnits } from "./file-order.js";
import type { ImageItem } from "./image-item.js";

/** The last part of a folder's path. */
export function lastPart(folder: string): string {
  return folder.slice(folder.lastIndexOf("/") + 1);
}

/** The class a folder stands for: its own name, written as the command line writes it. */
export function folderClass(folder: string): string {
  return lastPart(folder)
    .normalize("NFC")
    .replace(/[\s_]+/g, " ")
    .trim();
}

/** Classes that folders name, in the order of the folders' names; fewer than two are none. */
export function folderClasses(images: readonly ImageItem[]): string[] {
  const names = new Map<string, string>();
  for (const { folder } of images) if (folder !== "") names.set(lastPart(folder), folderClass(folder));
  const classes = [...new Set([...names].sort(([a], [b]) => byLabel(a, b)).map(([, name]) => name))].filter((name) => name !== "");
  return classes.length < 2 ? [] : classes;
}

export type Labelled = ImageItem & { readonly label: number };

/**
 * Splits labelled images, by code units of their paths: at most `shots` of each class, evenly spaced through the list, are learned from; the others are measured on.
 * Without `shots` all are learned from.
 */
export function learningSplit(images: readonly ImageItem[], shots?: number): { readonly learn: Labelled[]; readonly tests: Labelled[] } {
  const labelled = images.filter((image): image is Labelled => image.label !== undefined && image.failure === undefined).sort(byCodeUnits);
  if (shots === undefined) return { learn: labelled, tests: [] };
  const byClass = new Map<number, Labelled[]>();
  for (const image of labelled) byClass.set(image.label, [...(byClass.get(image.label) ?? []), image]);
  const chosen = new Set<Labelled>();
  for (const own of byClass.values()) {
    const count = Math.min(shots, own.length);
    const places = new Set(Array.from({ length: count }, (_, i) => Math.floor((i * own.length) / count)));
    for (const [place, image] of own.entries()) if (places.has(place)) chosen.add(image);
  }
  return { learn: labelled.filter((image) => chosen.has(image)), tests: labelled.filter((image) => !chosen.has(image)) };
}

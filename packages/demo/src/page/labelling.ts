// Labels for learning: which images are learned from and which are measured on, and labels taken from folder names.

import type { ImageItem } from "./session.js";

/** The class a folder stands for: its own name, written as the command line writes it. */
export function folderClass(folder: string): string {
  return (folder.split("/").at(-1) ?? "")
    .normalize("NFC")
    .replace(/[\s_]+/g, " ")
    .trim();
}

/** Classes that folders name, in the order of the folders' names; fewer than two are none. */
export function folderClasses(images: readonly ImageItem[]): string[] {
  const names = new Map<string, string>();
  for (const { folder } of images) if (folder !== "") names.set(folder.split("/").at(-1)!, folderClass(folder));
  const classes = [...new Set([...names].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, name]) => name))].filter((name) => name !== "");
  return classes.length < 2 ? [] : classes;
}

export type Labelled = ImageItem & { readonly label: number };

/**
 * Splits labelled images: at most `shots` of each class, evenly spaced through the list, are learned from; the others are measured on.
 * Without `shots` all are learned from.
 */
export function learningSplit(images: readonly ImageItem[], shots?: number): { readonly learn: Labelled[]; readonly tests: Labelled[] } {
  const labelled = images.filter((image): image is Labelled => image.label !== undefined && image.failure === undefined);
  if (shots === undefined) return { learn: labelled, tests: [] };
  const byClass = new Map<number, Labelled[]>();
  for (const image of labelled) byClass.set(image.label, [...(byClass.get(image.label) ?? []), image]);
  const chosen = new Set<Labelled>();
  for (const own of byClass.values()) {
    const count = Math.min(shots, own.length);
    for (let i = 0; i < count; i++) chosen.add(own[Math.floor((i * own.length) / count)]!);
  }
  return { learn: labelled.filter((image) => chosen.has(image)), tests: labelled.filter((image) => !chosen.has(image)) };
}

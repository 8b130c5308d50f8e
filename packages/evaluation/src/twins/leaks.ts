// What of a data set is there twice, and where it matters: equal contents and near-twins, those with different labels, those on different
// sides of the split, and groups (patients, lesions) that stand on two sides. Prints in, findings out; nothing is opened here.

import type { Core } from "@biovlm/core";
import type { DatasetItem, SplitName } from "@biovlm/datasets";
import { counted, known, nth } from "@biovlm/files";
import type { Flip } from "./picture-print.js";
import { twinPairs } from "./twin-pairs.js";

/** An item as it is compared. */
export type LintItem = Pick<DatasetItem, "id" | "label" | "split" | "group">;

/** Two images that show the same picture: equal in content, or near-twins. */
export interface ImagePair {
  /** indices into the items, a < b */
  readonly a: number;
  readonly b: number;
  readonly equal: boolean;
  /** of the 32 × 32 grey prints; 1 for equal contents */
  readonly correlation: number;
  readonly flip: Flip;
}

/** All that was found. Counts are of every pair; `pairs` lists those that cross labels or sides first, up to a limit. */
export interface LeakReport {
  readonly images: number;
  /** images that another one equals in content */
  readonly equalImages: number;
  /** sets of equal content, as indices in ascending order */
  readonly equal: readonly (readonly number[])[];
  /** pairs that show the same picture, those of equal content included */
  readonly twinPairs: number;
  readonly acrossLabels: number;
  readonly acrossSplits: number;
  readonly pairs: readonly ImagePair[];
  /** [n] true for an image of val or test that has a twin, or its group, in train */
  readonly leaked: readonly boolean[];
  /** images of each side that have a twin in train */
  readonly twinsOfTrain: { readonly val: number; readonly test: number };
  /** groups with images on more than one side, and how many images of test they hold whose group is in train */
  readonly groups: { readonly across: number; readonly testImages: number };
}

/** Pairs listed at most; all are counted. */
const MOST_LISTED = 100_000;

/** What is compared of an image. */
export interface ComparedImage {
  /** of its content */
  readonly sha256: string;
  /** [1024] from `picturePrint` */
  readonly print: Uint8Array;
}

/** @param images [n] beside items [n]. Work grows with n² ({@link twinPairs}). */
export async function findLeaks(
  core: Pick<Core, "gemm">,
  items: readonly LintItem[],
  images: readonly ComparedImage[],
  signal?: AbortSignal,
): Promise<LeakReport> {
  const contents = new Map<string, number[]>();
  for (const [i, { sha256 }] of images.entries()) {
    const same = contents.get(sha256);
    if (same === undefined) contents.set(sha256, [i]);
    else same.push(i);
  }
  const distinct = [...contents.values()];
  const found = new Findings(items);
  for (const same of distinct) {
    for (const [at, a] of same.entries())
      for (const b of same.slice(at + 1)) found.add({ a, b, equal: true, correlation: 1, flip: "none" });
  }
  const prints = distinct.map((same) => nth(images, nth(same, 0)).print);
  await twinPairs(
    core,
    prints,
    ({ a, b, ...how }) => {
      for (const i of nth(distinct, a))
        for (const j of nth(distinct, b)) found.add({ a: Math.min(i, j), b: Math.max(i, j), equal: false, ...how });
    },
    signal,
  );
  const equal = distinct.filter((same) => same.length > 1);
  return found.report(equal);
}

/** Counts as pairs come in; keeps the first of each kind. */
class Findings {
  private readonly items: readonly LintItem[];
  private readonly crossing: ImagePair[] = [];
  private readonly others: ImagePair[] = [];
  private readonly twinOfTrain: boolean[];
  private count = 0;
  private acrossLabels = 0;
  private acrossSplits = 0;

  constructor(items: readonly LintItem[]) {
    this.items = items;
    this.twinOfTrain = items.map(() => false);
  }

  add(pair: ImagePair): void {
    const [a, b] = [nth(this.items, pair.a), nth(this.items, pair.b)];
    this.count++;
    const labels = a.label !== b.label;
    const splits = a.split !== undefined && b.split !== undefined && a.split !== b.split;
    if (labels) this.acrossLabels++;
    if (splits) this.acrossSplits++;
    if (splits && a.split === "train") this.twinOfTrain[pair.b] = true;
    if (splits && b.split === "train") this.twinOfTrain[pair.a] = true;
    const list = labels || splits ? this.crossing : this.others;
    if (list.length < MOST_LISTED) list.push(pair);
  }

  report(equal: readonly (readonly number[])[]): LeakReport {
    const { items, twinOfTrain } = this;
    const groups = sidesOfGroups(items);
    const inTrain = items.map(({ group, split }) => group !== undefined && split !== "train" && known(groups, group).has("train"));
    const order = (x: ImagePair, y: ImagePair) => x.a - y.a || x.b - y.b;
    const of = (side: SplitName) => items.filter((item, i) => item.split === side && twinOfTrain[i] === true).length;
    return {
      images: items.length,
      equalImages: equal.reduce((sum, same) => sum + same.length, 0),
      equal,
      twinPairs: this.count,
      acrossLabels: this.acrossLabels,
      acrossSplits: this.acrossSplits,
      pairs: [...this.crossing.sort(order), ...this.others.sort(order)].slice(0, MOST_LISTED),
      leaked: items.map((_, i) => twinOfTrain[i] === true || inTrain[i] === true),
      twinsOfTrain: { val: of("val"), test: of("test") },
      groups: {
        across: [...groups.values()].filter((sides) => sides.size > 1).length,
        testImages: items.filter((item, i) => item.split === "test" && inTrain[i] === true).length,
      },
    };
  }
}

function sidesOfGroups(items: readonly LintItem[]): Map<string, Set<SplitName>> {
  const sides = new Map<string, Set<SplitName>>();
  for (const { group, split } of items) {
    if (group === undefined || split === undefined) continue;
    const seen = sides.get(group);
    if (seen === undefined) sides.set(group, new Set([split]));
    else seen.add(split);
  }
  return sides;
}

/** A finding that whoever reads figures must know of. */
export interface LeakWarning {
  readonly code: "twins_across_labels" | "twins_across_splits" | "groups_across_splits";
  /** one sentence with its counts; names no image */
  readonly message: string;
}

/** The findings in words, the graver first; none where nothing crosses labels or sides. */
export function leakWarnings(report: LeakReport): LeakWarning[] {
  const { acrossLabels, twinsOfTrain, groups, acrossSplits } = report;
  const warnings: LeakWarning[] = [];
  const say = (code: LeakWarning["code"], message: string) => warnings.push({ code, message });
  if (acrossSplits > 0) {
    say(
      "twins_across_splits",
      `${counted(acrossSplits, "pair")} of images that show the same picture ${acrossSplits === 1 ? "stands" : "stand"} on two sides of the split; ${twinsOfTrain.test} of test and ${twinsOfTrain.val} of val ${twinsOfTrain.test + twinsOfTrain.val === 1 ? "has" : "have"} a twin in train: figures flatter`,
    );
  }
  if (groups.across > 0) {
    say(
      "groups_across_splits",
      `${counted(groups.across, "group")} (patients or lesions) ${groups.across === 1 ? "stands" : "stand"} on two sides of the split, ${counted(groups.testImages, "image")} of test among them: figures flatter`,
    );
  }
  if (acrossLabels > 0) {
    say(
      "twins_across_labels",
      `${counted(acrossLabels, "pair")} of images that show the same picture ${acrossLabels === 1 ? "has" : "have"} different labels: one of the two is wrong`,
    );
  }
  return warnings;
}

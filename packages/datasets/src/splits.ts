// Which items are learned from and which are tested on: stratified and group-aware splits, few-shot draws, base and new classes.
// Seeded by CPython's generator, so that a split can be drawn again anywhere.

import { known, nth } from "@biovlm/files";
import type { DatasetItem, SplitName } from "./dataset.js";
import { DatasetError } from "./errors.js";
import { pythonRandom } from "./python-random.js";

/** How a few-shot training set is drawn. The same seed and items give the same draw. */
export interface FewShotOptions {
  readonly shots: number;
  readonly seed: number;
  /** take no two items of one group */
  readonly onePerGroup?: boolean;
  /** only odd positions of the official split, for sets whose even half a model has seen with labels */
  readonly parity?: "all" | "odd";
}

/** `shots` items of each class, drawn without replacement, in label order. A class with fewer gives all it has; an empty class is an error. */
export function fewShot(items: readonly DatasetItem[], classCount: number, options: FewShotOptions): DatasetItem[] {
  const { shots, seed, onePerGroup = false, parity = "all" } = options;
  if (!Number.isInteger(shots) || shots < 1) throw new DatasetError("bad_option", `shots — expected a whole number from 1, got ${shots}.`);
  const random = pythonRandom(seed);
  return Array.from({ length: classCount }, (_, label) => {
    const pool = items.filter((item) => item.label === label && (parity === "all" || item.index % 2 === 1));
    const candidates = onePerGroup ? onePerGroupOf(pool, random) : pool;
    if (candidates.length === 0) {
      throw new DatasetError(
        "too_few_images",
        `few-shot draw — expected at least one image of class ${label}, got none${parity === "odd" && pool.length === 0 && items.some((item) => item.label === label) ? " at an odd position" : ""}. Give training images of every class.`,
      );
    }
    return random.sample(candidates, Math.min(shots, candidates.length));
  }).flat();
}

/** One item of each group, in order of the groups' first appearance. */
function onePerGroupOf(items: readonly DatasetItem[], random: ReturnType<typeof pythonRandom>): DatasetItem[] {
  const groups = new Map<string, DatasetItem[]>();
  for (const item of items) {
    const key = item.group ?? item.id;
    groups.set(key, [...(groups.get(key) ?? []), item]);
  }
  return [...groups.values()].map((group) => nth(group, random.below(group.length)));
}

/** Shares of a drawn split, each from 0 to 1, together 1. */
export interface SplitShares {
  readonly train: number;
  readonly val: number;
  readonly test: number;
}

/**
 * Splits groups, never items: all items of a group land on one side. Stratified by the label of the group's first item: each class's
 * groups are shuffled and cut by the shares (rounded down for train and val; the rest is test).
 */
export function groupSplit(items: readonly DatasetItem[], shares: SplitShares, seed: number): Record<SplitName, DatasetItem[]> {
  const total = shares.train + shares.val + shares.test;
  if (!(shares.train > 0 && shares.val >= 0 && shares.test > 0) || Math.abs(total - 1) > 1e-9) {
    throw new DatasetError("bad_option", `split shares — expected train > 0, test > 0 and a sum of 1, got ${JSON.stringify(shares)}.`);
  }
  const groups = new Map<string, DatasetItem[]>();
  for (const item of items) {
    const key = item.group ?? item.id;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  const byLabel = new Map<number, DatasetItem[][]>();
  for (const group of groups.values()) {
    const label = nth(group, 0).label;
    const of = byLabel.get(label);
    if (of === undefined) byLabel.set(label, [group]);
    else of.push(group);
  }
  const random = pythonRandom(seed);
  const out: Record<SplitName, DatasetItem[]> = { train: [], val: [], test: [] };
  for (const label of [...byLabel.keys()].sort((a, b) => a - b)) {
    const of = random.shuffle(known(byLabel, label));
    const train = Math.floor(of.length * shares.train);
    const val = Math.floor(of.length * shares.val);
    for (const [i, group] of of.entries()) {
      const side = out[i < train ? "train" : i < train + val ? "val" : "test"];
      for (const item of group) side.push(item);
    }
  }
  return out;
}

/** 70/10/20 */
export const DEFAULT_SHARES: SplitShares = { train: 0.7, val: 0.1, test: 0.2 };

/** The items in their order with the sides of `groupSplit` written in, `index` counted within each side. */
export function drawSplit(items: readonly DatasetItem[], shares: SplitShares, seed: number): DatasetItem[] {
  const parts = groupSplit(items, shares, seed);
  const side = new Map<DatasetItem, SplitName>();
  for (const split of ["train", "val", "test"] as const) for (const item of parts[split]) side.set(item, split);
  return withSplits(items, (item) => known(side, item));
}

/** The items in their order with a side each, `index` counted within each side. */
export function withSplits(items: readonly DatasetItem[], sideOf: (item: DatasetItem) => SplitName): DatasetItem[] {
  const count: Record<SplitName, number> = { train: 0, val: 0, test: 0 };
  return items.map((item) => {
    const split = sideOf(item);
    return { ...item, split, index: count[split]++, open: () => item.open() };
  });
}

/** Sorted labels: the first ⌈C/2⌉ are base, the rest new. */
export function baseAndNew(classCount: number): { readonly base: readonly number[]; readonly new: readonly number[] } {
  const half = Math.ceil(classCount / 2);
  const labels = Array.from({ length: classCount }, (_, i) => i);
  return { base: labels.slice(0, half), new: labels.slice(half) };
}

/** The items of some classes, relabelled 0… in the order given. */
export function restrictTo(items: readonly DatasetItem[], labels: readonly number[]): DatasetItem[] {
  const position = new Map(labels.map((label, i) => [label, i]));
  return items.flatMap((item) => {
    const label = position.get(item.label);
    return label === undefined ? [] : [{ ...item, label, open: () => item.open() }];
  });
}

/** Pairs of which one is made from the other: learning from one and testing on the other is not a test. */
const SAME_SOURCE: readonly (readonly [string, string, string])[] = [
  ["busi", "breastmnist", "BUSI is the source of BreastMNIST"],
  ["ham10000", "dermamnist", "HAM10000 is the source of DermaMNIST"],
];

/** Throws `refused_pair` for data sets that share their images. */
export function checkCrossPair(source: string, target: string): void {
  if (source === target)
    throw new DatasetError("refused_pair", `cross-dataset — expected two data sets, got ${source} twice. Name another target.`);
  for (const [a, b, why] of SAME_SOURCE) {
    if ((source === a && target === b) || (source === b && target === a)) {
      throw new DatasetError(
        "refused_pair",
        `cross-dataset ${source} → ${target} — expected sets with no image in common, got a pair that shares them (${why}). Name another target.`,
      );
    }
  }
}

// Files of one series as one example: put in order, localisers and what is there twice left out and counted. Which files are a series, and in
// which order, is handed in. The split is drawn before, by patient, so that it is the same with and without.

import { counted, inOrder, nth } from "@biovlm/files";
import type { DatasetItem, OpenedDataset, SplitName } from "./dataset.js";
import { DatasetError } from "./errors.js";
import { type HeadReader, readWhereItApplies } from "./head-reader.js";
import { withSplits } from "./splits.js";

/** Reads where files stand in their series, e.g. `readSlicePlace` and `orderedSeries` of @biovlm/imaging. */
export interface SeriesReader<Place> extends HeadReader<Place> {
  /** series in the order of their first file: indices of the places */
  ordered(places: readonly (Place | undefined)[]): readonly {
    readonly slices: readonly number[];
    readonly localisers: readonly number[];
    readonly doubles: readonly number[];
  }[];
}

/** Files whose headers are read at once. */
const AT_ONCE = 4;

/**
 * The data set with one item for each series, in the order of their first files, under the first file's id; files of no series stay as they are.
 * @throws DatasetError `bad_file` where files of one series have two labels, or stand on two sides of a given split
 */
export async function joinSeries<Place>(dataset: OpenedDataset, reader: SeriesReader<Place>): Promise<OpenedDataset> {
  const { items } = dataset;
  const places: (Place | undefined)[] = [];
  for await (const place of inOrder(items, AT_ONCE, (item) => readWhereItApplies(item, reader))) places.push(place);
  const series = reader.ordered(places);
  if (series.length === 0) return { ...dataset, notes: [...dataset.notes, "no file names a series: every file is an example of its own"] };
  const examples = new Map<number, DatasetItem>();
  const left = { localisers: 0, doubles: 0, empty: 0, slices: 0 };
  const single = new Set(items.keys());
  for (const { slices, localisers, doubles } of series) {
    for (const index of [...slices, ...localisers, ...doubles]) single.delete(index);
    left.localisers += localisers.length;
    left.doubles += doubles.length;
    left.slices += slices.length;
    if (slices.length === 0) left.empty++;
    else
      examples.set(
        slices.reduce((least, index) => Math.min(least, index)),
        exampleOf(slices.map((index) => nth(items, index))),
      );
  }
  for (const index of single) examples.set(index, nth(items, index));
  const joined = [...examples].sort(([a], [b]) => a - b).map(([, item]) => item);
  const sided = joined.every((item) => item.split !== undefined) ? withSplits(joined, (item) => item.split as SplitName) : joined;
  const without = leftOutOfSeries(left);
  return {
    ...dataset,
    items: sided,
    notes: [
      ...dataset.notes,
      `${series.length - left.empty} series of ${counted(left.slices, "slice")}, each one example${single.size === 0 ? "" : `; ${counted(single.size, "file is of no series and stands for itself", "files are of no series and stand for themselves")}`}`,
      ...(without === undefined ? [] : [without]),
      ...(left.empty === 0
        ? []
        : [`${left.empty} series ${left.empty === 1 ? "has" : "have"} no other images and ${left.empty === 1 ? "is" : "are"} no example`]),
    ],
  };
}

/** "left out of series: 2 localisers, 1 image that is there twice", for a person; undefined where nothing was. */
export function leftOutOfSeries({ localisers, doubles }: { readonly localisers: number; readonly doubles: number }): string | undefined {
  const parts = [
    ...(localisers === 0 ? [] : [counted(localisers, "localiser")]),
    ...(doubles === 0 ? [] : [counted(doubles, "image that is there twice", "images that are there twice")]),
  ];
  return parts.length === 0 ? undefined : `left out of series: ${parts.join(", ")}`;
}

/** One item of the images of a series, in order. */
function exampleOf(slices: readonly DatasetItem[]): DatasetItem {
  const first = slices.reduce((a, b) => (b.index < a.index || (b.index === a.index && b.id < a.id) ? b : a));
  const { label, split, index, group, id } = first;
  const differ = slices.find((slice) => slice.label !== label || slice.split !== split);
  if (differ !== undefined)
    throw new DatasetError(
      "bad_file",
      `series of ${slices.length} images — expected one label and one side of the split for all of them, got ${differ.label === label ? "two sides" : "two labels"}. Put the whole series into one folder, or leave out --volumes to learn from single images.`,
    );
  const middle = nth(slices, Math.floor(slices.length / 2));
  return {
    ...{ id, label, index, slices },
    ...(split === undefined ? {} : { split }),
    ...(group === undefined ? {} : { group }),
    open: () => middle.open(),
  };
}

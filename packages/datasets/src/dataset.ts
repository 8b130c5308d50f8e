// What a data set is here: named classes and labelled items that open to an encoded file or to raw pixels. No decoding, no numerics.

import type { AttributeSet } from "./attribute-schema.js";

/** Sides of a split. */
export type SplitName = "train" | "val" | "test";

/** An item's content: an encoded image file, or raw 8-bit pixels [height,width,channels]. */
export type ItemContent =
  | { readonly kind: "file"; readonly bytes: Uint8Array }
  | { readonly kind: "pixels"; readonly data: Uint8Array; readonly width: number; readonly height: number; readonly channels: 1 | 3 };

/** One labelled image, opened when it is asked for. */
export interface DatasetItem {
  /** stable within the data set, e.g. "train/17" or a relative path; never logged */
  readonly id: string;
  /** class index */
  readonly label: number;
  /** official split, where the set has one */
  readonly split?: SplitName;
  /** position within the official split, where the set has one */
  readonly index: number;
  /** items of one group (a lesion, a patient) must stay on one side of a split */
  readonly group?: string;
  /** of a series: its images in anatomical order, each an item of its own; the series is one example. Absent where the item is an image */
  readonly slices?: readonly DatasetItem[];
  /** Of a series the middle image. Cheapest in order of `index`, or many at once: a large archive is passed over forward. */
  open(): Promise<ItemContent>;
  /** the first bytes of its file, read alone; absent where there is no file of its own */
  head?(bytes: number): Promise<Uint8Array>;
  /** bytes of its file, told without reading it; absent where there is no file of its own */
  size?(): Promise<number | undefined>;
}

/** Labelled images of one task: class names by label, and the items. */
export interface Dataset {
  readonly name: string;
  /** by label */
  readonly classes: readonly string[];
  /** true where left and right are part of the label, so that a mirrored image is another class */
  readonly sided: boolean;
  readonly items: readonly DatasetItem[];
}

/** Where a data set's split comes from: published with it, a split file, its own train/val/test folders or column, or drawn here by seed. */
export type SplitOrigin = "official" | "file" | "given" | "drawn";

/** A data set opened from disk: every item has a split. */
export interface OpenedDataset extends Dataset {
  readonly splitOrigin: SplitOrigin;
  /** phrases for its classes, where the set is a known one */
  readonly attributes?: AttributeSet;
  /** what a person should know: file read, images left out, licence */
  readonly notes: readonly string[];
  /** frees files; items cannot be opened afterwards */
  close(): void;
}

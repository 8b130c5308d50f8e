// What a data set is here: named classes and labelled items that open to an encoded file or to raw pixels. No decoding, no numerics.

export type SplitName = "train" | "val" | "test";

/** An item's content: an encoded image file, or raw 8-bit pixels [height,width,channels]. */
export type ItemContent =
  | { readonly kind: "file"; readonly bytes: Uint8Array }
  | { readonly kind: "pixels"; readonly data: Uint8Array; readonly width: number; readonly height: number; readonly channels: 1 | 3 };

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
  open(): Promise<ItemContent>;
}

export interface Dataset {
  readonly name: string;
  /** by label */
  readonly classes: readonly string[];
  /** true where left and right are part of the label, so that a mirrored image is another class */
  readonly sided: boolean;
  readonly items: readonly DatasetItem[];
}

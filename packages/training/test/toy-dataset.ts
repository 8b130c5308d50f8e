// A data set of coloured gradients with noise: three classes that differ in colour, 60 images each with official splits.

import type { Dataset, DatasetItem, SplitName } from "@biovlm/datasets";
import { randomStream } from "../src/random.js";

export function toyDataset({ name = "toys", groups = false, splits = true, classes = ["red", "green", "blue"] } = {}): Dataset {
  const items: DatasetItem[] = [];
  for (const [split, count] of [
    ["train", 30],
    ["val", 10],
    ["test", 20],
  ] as const) {
    let index = 0;
    for (let i = 0; i < count; i++) {
      for (const label of classes.keys()) {
        const id = `${split}/${label}/${i}`;
        items.push({
          id,
          label,
          index: index++,
          ...(splits ? { split: split as SplitName } : {}),
          ...(groups ? { group: `g${label}-${split}-${Math.floor(i / 2)}` } : {}),
          open: async () => ({ kind: "pixels", data: picture(label, id), width: 12, height: 12, channels: 3 }),
        });
      }
    }
  }
  return { name, classes, sided: false, items };
}

function picture(label: number, id: string): Uint8Array {
  const random = randomStream(3, "toy", id);
  return Uint8Array.from({ length: 12 * 12 * 3 }, (_, i) => (i % 3 === label % 3 ? 120 : 60) + random.below(90) + (label > 2 ? 30 : 0));
}

// An official MedMNIST .npz file as a Dataset: images of any size as raw pixels, labels checked against the registry.

import type { Dataset, DatasetItem, SplitName } from "../dataset.js";
import { DatasetError } from "../errors.js";
import type { MedmnistFacts } from "../medmnist.js";
import { type NpzFile, openNpz } from "./npz-file.js";

/** Image members up to this size are held in memory once touched; larger ones are streamed row by row. */
const HELD_BYTES = 128 * 2 ** 20;

/** Opens `path`; `classes` by label. `close()` frees the file. Throws `bad_file` where counts, shapes or labels are not the registry's. */
export async function openMedmnist(path: string, facts: MedmnistFacts, classes: readonly string[]): Promise<Dataset & { close(): void }> {
  const npz = await openNpz(path);
  try {
    const items: DatasetItem[] = [];
    for (const split of ["train", "val", "test"] as const) items.push(...(await splitItems(npz, split, facts, classes.length)));
    return { name: facts.name, classes, sided: facts.sided, items, close: () => npz.close() };
  } catch (error) {
    npz.close();
    throw error;
  }
}

async function splitItems(npz: NpzFile, split: SplitName, facts: MedmnistFacts, classCount: number): Promise<DatasetItem[]> {
  const bad = (expected: string, got: string) =>
    new DatasetError("bad_file", `${facts.name} ${split} — expected ${expected}, got ${got}. Download the official file again.`);
  const images = npz.members.get(`${split}_images`);
  const labels = npz.members.get(`${split}_labels`);
  const n = facts.counts[split];
  if (images === undefined || labels === undefined)
    throw bad(`members ${split}_images and ${split}_labels`, [...npz.members.keys()].join(", "));
  const [count, height, width, channels] = [...images.shape, 1] as [number, number, number, number];
  if (images.type !== "uint8" || count !== n || channels !== facts.channels)
    throw bad(`uint8 images [${n}, S, S${facts.channels === 3 ? ", 3" : ""}]`, `${images.type} [${images.shape.join(", ")}]`);
  if (labels.dataLength > 16 * n || labels.shape[0] !== n) throw bad(`labels [${n}, 1]`, `[${labels.shape.join(", ")}]`);
  const values = labelValues(await npz.read(`${split}_labels`, 16 * n), labels.type, n);
  const wrong = values.findIndex((v) => !(v >= 0 && v < classCount));
  if (wrong >= 0) throw bad(`labels 0 to ${classCount - 1}`, `${values[wrong]}`);

  const rowBytes = height * width * channels;
  let held: Promise<Uint8Array> | undefined;
  const rows = npz.rows(`${split}_images`);
  const pixels = async (index: number) => {
    if (images.dataLength > HELD_BYTES) return rows.read(index);
    held ??= npz.read(`${split}_images`, HELD_BYTES);
    return (await held).slice(index * rowBytes, (index + 1) * rowBytes);
  };
  return values.map((label, index) => ({
    id: `${split}/${index}`,
    label,
    split,
    index,
    open: async () => ({ kind: "pixels", data: await pixels(index), width, height, channels: channels as 1 | 3 }),
  }));
}

function labelValues(bytes: Uint8Array, type: string, n: number): number[] {
  if (type === "uint8") return Array.from(bytes.subarray(0, n));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: n }, (_, i) => (type === "int64" ? Number(view.getBigInt64(8 * i, true)) : view.getFloat32(4 * i, true)));
}

// An .npz file as a Dataset: an official MedMNIST file, or plain `images` and `labels` arrays. Images of any size come as raw pixels;
// counts, shapes and labels are checked before anything is used.

import type { Dataset, DatasetItem, SplitName } from "./dataset.js";
import { DatasetError } from "./errors.js";
import type { MedmnistFacts } from "./medmnist.js";
import type { NpzFile } from "./npz.js";

/** Image members up to this size are held in memory once touched; larger ones are streamed row by row. */
const HELD_BYTES = 128 * 2 ** 20;
const MAX_ITEMS = 5_000_000;

/** The data set of an official MedMNIST file, with its official split. @param classes by label @throws DatasetError `bad_file` where the file is not what the registry says */
export async function medmnistDataset(npz: NpzFile, facts: MedmnistFacts, classes: readonly string[]): Promise<Dataset> {
  const items: DatasetItem[] = [];
  for (const split of ["train", "val", "test"] as const) {
    const part = await npzItems(npz, { what: facts.name, prefix: `${split}_`, split, classCount: classes.length, remedy: OFFICIAL });
    const channels = npz.members.get(`${split}_images`)?.shape[3] ?? 1;
    if (part.length !== facts.counts[split] || channels !== facts.channels)
      throw bad(
        facts.name,
        `${facts.counts[split]} ${split} images of ${facts.channels} channels`,
        `${part.length} of ${channels}`,
        OFFICIAL,
      );
    for (const item of part) items.push(item);
  }
  return { name: facts.name, classes, sided: facts.sided, items };
}

/**
 * Members `images` (uint8 [n,H,W] or [n,H,W,3]) and `labels` ([n] or [n,1]) without a split, or `train_images`, `train_labels`, `val_…`, `test_…`,
 * of which any may be absent: an archive of test images alone can be measured on.
 * @throws DatasetError `bad_file` where an array is missing, of another form, or a label is not one of `classes`
 */
export async function arraysDataset(npz: NpzFile, name: string, classes: readonly string[]): Promise<Dataset> {
  const part = { what: name, classCount: classes.length, remedy: OWN_ARRAYS };
  const sides = (["train", "val", "test"] as const).filter((split) => npz.members.has(`${split}_images`));
  if (sides.length === 0) return { name, classes, sided: false, items: await npzItems(npz, { ...part, prefix: "" }) };
  const items: DatasetItem[] = [];
  for (const split of sides) for (const item of await npzItems(npz, { ...part, prefix: `${split}_`, split })) items.push(item);
  return { name, classes, sided: false, items };
}

const OFFICIAL = "Download the official file again";
const OWN_ARRAYS =
  "Save arrays images and labels, or train_images, train_labels and the same for val and test, and name a class for each label";

/** "0", "1", …: the label numbers of an archive as names. @throws DatasetError `bad_file` without labels, or with ones below 0 or above 9 999 */
export async function labelNames(npz: NpzFile): Promise<string[]> {
  const members = ["labels", "train_labels", "val_labels", "test_labels"].filter((name) => npz.members.has(name));
  const sizes = members.map((name) => npz.members.get(name)?.shape[0] ?? 0);
  if (members.length === 0 || sizes.some((n) => n < 1 || n > MAX_ITEMS))
    throw bad("npz file", `labels of 1 to ${MAX_ITEMS} images`, `${sizes.join(", ") || "none"}`, OWN_ARRAYS);
  let most = 1;
  for (const [i, name] of members.entries()) {
    const n = sizes[i] ?? 0;
    for (const value of labelValues(await npz.read(name, 8 * n), npz.members.get(name)?.type ?? "uint8", n)) most = Math.max(most, value);
  }
  if (!(most < 10_000)) throw bad("npz file", "labels 0 to 9999", `${most}`, OWN_ARRAYS);
  return Array.from({ length: Math.floor(most) + 1 }, (_, label) => `${label}`);
}

interface Part {
  readonly what: string;
  readonly prefix: string;
  readonly split?: SplitName;
  readonly classCount: number;
  readonly remedy: string;
}

async function npzItems(npz: NpzFile, { what, prefix, split, classCount, remedy }: Part): Promise<DatasetItem[]> {
  const imagesName = `${prefix}images`;
  const refused = (expected: string, got: string) => bad(what, expected, got, remedy);
  const images = npz.members.get(imagesName);
  const labels = npz.members.get(`${prefix}labels`);
  if (images === undefined || labels === undefined)
    throw refused(`members ${imagesName} and ${prefix}labels`, [...npz.members.keys()].join(", "));
  const [n, height, width, channels] = [...images.shape, 1] as [number, number, number, number];
  if (images.type !== "uint8" || images.shape.length < 3 || images.shape.length > 4 || (channels !== 1 && channels !== 3))
    throw refused(`uint8 ${imagesName} [n, H, W] or [n, H, W, 3]`, `${images.type} [${images.shape.join(", ")}]`);
  if (n < 1 || n > MAX_ITEMS || height < 1 || width < 1 || height * width > 25e6)
    throw refused(`1 to ${MAX_ITEMS} images of at most 25 megapixels`, `[${images.shape.join(", ")}]`);
  if (labels.shape[0] !== n || labels.shape.slice(1).some((d) => d !== 1))
    throw refused(`labels [${n}, 1]`, `[${labels.shape.join(", ")}]`);
  const values = labelValues(await npz.read(`${prefix}labels`, 8 * n), labels.type, n);
  const wrong = values.findIndex((v) => !(Number.isInteger(v) && v >= 0 && v < classCount));
  if (wrong >= 0) throw refused(`labels 0 to ${classCount - 1}`, `${values[wrong]}`);

  const rowBytes = height * width * channels;
  let held: Promise<Uint8Array> | undefined;
  const rows = npz.rows(imagesName);
  const pixels = async (index: number) => {
    if (images.dataLength > HELD_BYTES) return rows.read(index);
    held ??= npz.read(imagesName, HELD_BYTES);
    return (await held).slice(index * rowBytes, (index + 1) * rowBytes);
  };
  return values.map((label, index) => ({
    id: split === undefined ? `${index}` : `${split}/${index}`,
    label,
    ...(split === undefined ? {} : { split }),
    index,
    open: async () => ({ kind: "pixels", data: await pixels(index), width, height, channels }),
  }));
}

function bad(what: string, expected: string, got: string, remedy: string): DatasetError {
  return new DatasetError("bad_file", `${what} — expected ${expected}, got ${got}. ${remedy}.`);
}

function labelValues(bytes: Uint8Array, type: string, n: number): number[] {
  if (type === "uint8") return Array.from(bytes.subarray(0, n));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: n }, (_, i) => (type === "int64" ? Number(view.getBigInt64(8 * i, true)) : view.getFloat32(4 * i, true)));
}

// A folder of images as a data set: class/name.png, or train|val|test/class/name.png, or class folders under a split file.

import { stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { counted, imageKinds, known, mayBeDicom, NAME_PATTERN, nth } from "@biovlm/files";
import { findImages, leftOutNote, openRegular, readImageWithin } from "@biovlm/files/node";
import type { DatasetItem, OpenedDataset, SplitName } from "../dataset.js";
import { drawSplitByContent } from "../equal-content.js";
import { DatasetError } from "../errors.js";
import { byLabel } from "../label-order.js";
import { joinByOrigin, type OriginReader } from "../origins.js";
import { classText } from "../relative-path.js";
import { parseSplitFile } from "../split-file.js";
import { DEFAULT_SHARES, type SplitShares } from "../splits.js";
import { readText } from "./read-text.js";

/** How a folder of class folders becomes a data set: names, the drawn split, bounds. */
export interface ImageFolderOptions {
  /** name in results; the folder's own by default */
  readonly name?: string;
  /** class names in label order, one for each class folder in order of the folders' names */
  readonly classes?: readonly string[];
  /** of a drawn split. Default 1 */
  readonly seed?: number;
  /** of a drawn split. Default 70/10/20 */
  readonly shares?: SplitShares;
  /** a BiomedCoOp split file; its paths are looked for below the folder */
  readonly splitFile?: string;
  /** first folder in the split file → folder here */
  readonly folders?: Readonly<Record<string, string>>;
  /** class/patient/name.png: the second folder names the patient, whose images stay on one side of a drawn split. Default false */
  readonly groupFolder?: boolean | undefined;
  /** A larger image file is refused before it is read. Default 64 MiB */
  readonly maxImageBytes?: number | undefined;
  /** files of one patient, study or series become one group. Default: no file is asked */
  readonly origins?: OriginReader | undefined;
}

/** Where image files lie, and how large one may be. */
export interface ImagePlace {
  readonly folder: string;
  readonly maxImageBytes?: number | undefined;
}

const SPLIT_FOLDERS: Readonly<Record<string, SplitName>> = {
  train: "train",
  training: "train",
  val: "val",
  valid: "val",
  validation: "val",
  test: "test",
  testing: "test",
};

/** An image file larger than this is refused before it is read. */
const MAX_IMAGE_BYTES = 64 * 2 ** 20;

/** @throws DatasetError `not_found`, `bad_file`, `too_large`, `bad_option`; FilesError for what the file system refuses */
export async function openImageFolder(folder: string, options: ImageFolderOptions = {}): Promise<OpenedDataset> {
  const { paths, leftOut } = await findImages(folder);
  const place = { folder, maxImageBytes: options.maxImageBytes };
  const name = options.name ?? datasetName(folder);
  const note = leftOutNote(leftOut);
  const notes = note === undefined ? [] : [note];
  if (options.splitFile !== undefined) return bySplitFile(place, name, paths, notes, options, options.splitFile);

  const top = new Set(paths.filter((path) => path.includes("/")).map((path) => path.slice(0, path.indexOf("/"))));
  const sides = [...top].map((entry) => SPLIT_FOLDERS[entry.toLowerCase()]);
  const given = sides.length > 1 && sides.every((side) => side !== undefined) && sides.includes("train") && sides.includes("test");
  const depth = given ? 1 : 0;
  const placed = paths.filter((path) => path.split("/").length > depth + 1);
  const outside = paths.length - placed.length;
  if (outside > 0) notes.push(`left out: ${counted(outside, "image")} outside a class folder`);
  const classFolder = (path: string) => nth(path.split("/"), depth);
  const folders = [...new Set(placed.map(classFolder))].sort(byLabel);
  const classes = classNames(folders, options.classes);
  const label = new Map(folders.map((entry, i) => [entry, i]));
  const sideOf = (path: string) => SPLIT_FOLDERS[path.slice(0, path.indexOf("/")).toLowerCase()];
  const count: Partial<Record<SplitName, number>> = {};
  const found = placed.map((path, i): DatasetItem => {
    const at = known(label, classFolder(path));
    const split = given ? sideOf(path) : undefined;
    const index = split === undefined ? i : (count[split] ?? 0);
    if (split !== undefined) count[split] = index + 1;
    const item = fileItem(place, path, at, index, split, nth(classes, at));
    const group = options.groupFolder === true ? patientFolder(path, depth) : undefined;
    return group === undefined ? item : { ...item, group };
  });
  if (options.groupFolder === true) notes.push(groupNote(found));
  const { items, notes: originNotes } = await byOrigin(found, options.origins);
  const drawn = given ? undefined : await drawSplitByContent(items, options.shares ?? DEFAULT_SHARES, options.seed ?? 1);
  return {
    name,
    classes,
    sided: false,
    items: drawn?.items ?? items,
    splitOrigin: given ? "given" : "drawn",
    notes: [...notes, ...originNotes, ...(drawn?.notes ?? [])],
    close() {},
  };
}

/** Items joined by where their files come from, where that can be read. */
export async function byOrigin(items: readonly DatasetItem[], origins: OriginReader | undefined) {
  return origins === undefined ? { items: [...items], notes: [] } : joinByOrigin(items, origins);
}

/** The folder below the class folder: one patient's, whatever the class. Undefined where the image lies in the class folder itself. */
function patientFolder(path: string, depth: number): string | undefined {
  const parts = path.split("/");
  return parts.length > depth + 2 ? parts[depth + 1] : undefined;
}

/** @throws DatasetError `bad_option` where no image lies in a second folder */
function groupNote(items: readonly DatasetItem[]): string {
  const groups = new Set(items.flatMap(({ group }) => (group === undefined ? [] : [group])));
  if (groups.size === 0)
    throw new DatasetError(
      "bad_option",
      "groups by folder — expected class/patient/name.png, got no image in a second folder. Leave the option out, or sort the images so.",
    );
  return `grouped by second folder: ${counted(groups.size, "group")}`;
}

async function bySplitFile(
  place: ImagePlace,
  name: string,
  paths: readonly string[],
  notes: string[],
  { folders = {}, classes: names, groupFolder = false, origins }: ImageFolderOptions,
  splitFile: string,
): Promise<OpenedDataset> {
  const split = parseSplitFile(await readText(splitFile, "split file"));
  if (names !== undefined && names.length !== split.classes.length)
    throw new DatasetError("bad_option", `class names — expected ${split.classes.length} as in the split file, got ${names.length}.`);
  const classes = names ?? split.classes.map(classText);
  const present = new Set(paths);
  const used = new Set<string>();
  let missing = 0;
  const items: DatasetItem[] = [];
  for (const side of ["train", "val", "test"] as const) {
    for (const [index, { path, label }] of split.splits[side].entries()) {
      const cut = path.indexOf("/");
      const there = Object.hasOwn(folders, path.slice(0, cut)) ? `${folders[path.slice(0, cut)]}${path.slice(cut)}` : path;
      const found = present.has(path) ? path : there;
      if (!present.has(found)) missing++;
      used.add(found);
      const item = fileItem(place, found, label, index, side, nth(classes, label));
      const group = groupFolder ? patientFolder(found, 0) : undefined;
      items.push(group === undefined ? item : { ...item, group });
    }
  }
  if (missing > 0) {
    throw new DatasetError(
      "not_found",
      `split file — expected its ${items.length} images in the folder, got ${items.length - missing} of them. Check the folder: it must hold the files under the names of the split file.`,
    );
  }
  const extra = paths.length - used.size;
  if (extra > 0) notes.push(`left out: ${counted(extra, "image")} that the split file does not name`);
  if (groupFolder) notes.push(groupNote(items));
  const joined = await byOrigin(items, origins);
  return { name, classes, sided: false, items: joined.items, splitOrigin: "file", notes: [...notes, ...joined.notes], close() {} };
}

/** An item that is a file below `folder`. */
export function fileItem(
  { folder, maxImageBytes = MAX_IMAGE_BYTES }: ImagePlace,
  path: string,
  label: number,
  index: number,
  split: SplitName | undefined,
  className: string,
): DatasetItem {
  const file = join(folder, path);
  const open = async () => ({
    kind: "file" as const,
    // the path stays out of messages: names of files may name patients
    bytes: await readImageWithin(file, maxImageBytes, `${split ?? "an"} image ${index} of class "${className}"`),
  });
  return {
    id: path,
    label,
    ...(split === undefined ? {} : { split }),
    index,
    open,
    // a file that its name says to be another image is not opened for it
    ...(mayBeDicom(file) ? { head: (bytes: number) => readHead(file, bytes) } : {}),
    size: async () => (await stat(file).catch(() => undefined))?.size,
  };
}

/** The first bytes of a file: fewer where it is shorter. Rejects for what is no ordinary file, before it is read. */
async function readHead(file: string, count: number): Promise<Uint8Array> {
  const { handle } = await openRegular(file, "an image");
  try {
    const { buffer, bytesRead } = await handle.read(new Uint8Array(count), 0, count, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** The folder's own name, made a data-set name. */
export function datasetName(path: string): string {
  const name = basename(resolve(path))
    .replace(/\.[A-Za-z0-9]+$/, "")
    .replace(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "")
    .slice(0, 64);
  return NAME_PATTERN.test(name) ? name : "images";
}

function classNames(folders: readonly string[], given: readonly string[] | undefined): string[] {
  if (given !== undefined && folders.length !== given.length)
    throw new DatasetError("bad_option", `class names — expected ${folders.length}, one a class folder, got ${given.length}.`);
  if (folders.length < 2) {
    throw new DatasetError(
      "bad_file",
      `image folder — expected at least two folders with images, one a class, got ${folders.length}. Lay it out as class/name.png (${imageKinds("or")}).`,
    );
  }
  const names = given === undefined ? folders.map(classText) : [...given];
  if (names.some((name) => name === "" || name.length > 200) || new Set(names).size < names.length)
    throw new DatasetError(
      "bad_file",
      "image folder — expected class folders with different, short names, got two alike or a long one. Rename them.",
    );
  return names;
}

// The one door to data sets: a known name looked for in the data folder, or a folder, list or archive of the person's own.
// Every item comes with a split: the published one where there is one, else drawn here by group, stratified, with a seed.

import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { NAME_PATTERN } from "@biovlm/files";
import { digestFile } from "@biovlm/files/node";
import { attributeSet } from "../attribute-sets.js";
import { BUSI_FOLDERS, CATALOGUE, type CatalogueEntry, HAM10000_LABELS } from "../catalogue.js";
import type { OpenedDataset } from "../dataset.js";
import { drawSplitByContent } from "../equal-content.js";
import { DatasetError } from "../errors.js";
import { medmnistFacts, medmnistFile } from "../medmnist.js";
import { requireKnown, requireOptions } from "../names.js";
import { arraysDataset, labelNames, medmnistDataset } from "../npz-dataset.js";
import { DEFAULT_SHARES, type SplitShares } from "../splits.js";
import { type CsvListOptions, openCsvList } from "./csv-list.js";
import { dataRoot, firstPlace, MEDMNIST_SIZES, type MedmnistSize, medmnistPlaces } from "./data-root.js";
import { datasetName, openImageFolder } from "./image-folder.js";
import { openNpz } from "./npz-file.js";

/** How a data set is found and read, whatever it is: a known name, a folder, a list, an npz file. */
export interface OpenDatasetOptions
  extends Pick<
    CsvListOptions,
    "imageFolder" | "imageColumn" | "labelColumn" | "groupColumn" | "splitColumn" | "maxImageBytes" | "origins"
  > {
  /** data folder for known names; see dataRoot */
  readonly root?: string;
  /** image side of a MedMNIST file; the largest one present where absent */
  readonly size?: MedmnistSize;
  /** class names in label order */
  readonly classes?: readonly string[];
  /** of a drawn split. Default 1 */
  readonly seed?: number;
  /** of a drawn split. Default 70/10/20 */
  readonly shares?: SplitShares;
  /** a BiomedCoOp split file for an image folder */
  readonly splitFile?: string;
  /** class/patient/name.png: the second folder of an image folder names the patient. Default false */
  readonly groupFolder?: boolean;
  /** an .npz without class names: its label numbers are the names. Default false: names are asked for */
  readonly namesFromLabels?: boolean;
}

const OPTION_NAMES = [
  "root",
  "size",
  "classes",
  "seed",
  "shares",
  "splitFile",
  "groupFolder",
  "namesFromLabels",
  "imageFolder",
  "imageColumn",
  "labelColumn",
  "groupColumn",
  "splitColumn",
  "maxImageBytes",
  "origins",
];

/**
 * Opens a data set: a known name ("breastmnist", "busi", "ham10000"), a folder of class/name.png, a folder with a list (labels.csv), a .csv, or
 * an .npz of images and labels. A name is looked up first; `./name` is always a folder.
 * @throws DatasetError `unknown_dataset`, `bad_name`, `not_found`, `bad_file`, `too_large`, `integrity`, `bad_option`
 * @example const data = await openDataset("breastmnist"); try { … } finally { data.close() }
 */
export async function openDataset(nameOrPath: string, options: OpenDatasetOptions = {}): Promise<OpenedDataset> {
  requireOptions("openDataset", options, OPTION_NAMES);
  if (options.size !== undefined && !MEDMNIST_SIZES.includes(options.size))
    throw new DatasetError("bad_option", `size — expected 28, 64, 128 or 224, got ${options.size}.`);
  const known = NAME_PATTERN.test(nameOrPath) ? CATALOGUE.find((entry) => entry.name === nameOrPath.toLowerCase()) : undefined;
  const opened = await (known === undefined ? openOwn(nameOrPath, options) : openKnown(known, options));
  if (options.groupFolder !== true || opened.items.some((item) => item.group !== undefined)) return opened;
  opened.close();
  throw new DatasetError("bad_option", "groups by folder — expected an image folder, got another kind of data set. Leave the option out.");
}

/** A folder, list or archive of the person's own. */
async function openOwn(nameOrPath: string, options: OpenDatasetOptions): Promise<OpenedDataset> {
  const info = typeof nameOrPath === "string" && !nameOrPath.includes("\0") ? await stat(nameOrPath).catch(() => undefined) : undefined;
  if (info?.isDirectory()) return openFolder(nameOrPath, options);
  if (info?.isFile() && /\.csv$/i.test(nameOrPath)) return openCsvList(nameOrPath, options);
  if (info?.isFile() && /\.npz$/i.test(nameOrPath)) return openArrays(nameOrPath, datasetName(nameOrPath), options);
  if (NAME_PATTERN.test(nameOrPath))
    requireKnown(
      nameOrPath,
      CATALOGUE.map((entry) => entry.name),
    );
  throw new DatasetError(
    info === undefined ? "not_found" : "bad_file",
    `data set — expected a known name, or a folder, .csv or .npz, got ${info === undefined ? "nothing at that path" : "another file"}. See \`biovlm data ls\`.`,
  );
}

async function openFolder(folder: string, options: OpenDatasetOptions): Promise<OpenedDataset> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const lists = entries.filter((entry) => !entry.isDirectory() && /\.csv$/i.test(entry.name)).map((entry) => entry.name);
  const list = lists.find((file) => file.toLowerCase() === "labels.csv") ?? (lists.length === 1 ? lists[0] : undefined);
  const folders = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith(".") && entry.name !== "images");
  if (list !== undefined && options.splitFile === undefined && (list.toLowerCase() === "labels.csv" || folders.length < 2))
    return openCsvList(join(folder, list), { name: datasetName(folder), ...options });
  return openImageFolder(folder, options);
}

async function openKnown(entry: CatalogueEntry, options: OpenDatasetOptions): Promise<OpenedDataset> {
  const root = dataRoot(options.root);
  const attributes = { ...attributeSet(entry.attributes), dataset: entry.name };
  const classes = attributes.classes.map(({ name }) => name);
  const opened = await openForm(entry, root, { ...options, classes });
  return { ...opened, name: entry.name, attributes, notes: [...opened.notes, `licence: ${entry.licence}`] };
}

async function openForm(
  entry: CatalogueEntry,
  root: string,
  options: OpenDatasetOptions & { readonly classes: readonly string[] },
): Promise<OpenedDataset> {
  const { name } = entry;
  const missing = (expected: string, remedy: string) =>
    new DatasetError("not_found", `data set "${name}" — expected ${expected} in ${root}, got none. ${remedy}`);
  const own = "Set BIOVLM_DATA to the folder that holds it.";
  if (entry.form === "medmnist") {
    const sizes = options.size === undefined ? MEDMNIST_SIZES : [options.size];
    const file = await firstPlace(
      root,
      sizes.flatMap((size) => medmnistPlaces(name, size)),
      "file",
    );
    if (file === undefined)
      throw missing(sizes.map((size) => medmnistFile(name, size)).join(" or "), `Run \`biovlm data pull ${name}\`, or set BIOVLM_DATA.`);
    return openOfficial(file, name, options.classes);
  }
  if (entry.form === "arrays") {
    const file = await firstPlace(root, [`pretrain/${name}64.npz`, `${name}64.npz`, `${name}.npz`], "file");
    if (file === undefined) throw missing(`pretrain/${name}64.npz`, own);
    return openArrays(file, name, options);
  }
  const places = entry.form === "folder" ? [name, name.toUpperCase(), "Dataset_BUSI_with_GT"] : [name, name.toUpperCase()];
  const folder = await firstPlace(root, places, "folder");
  if (folder === undefined) throw missing(`a folder ${name}`, own);
  if (entry.form === "folder") {
    const split =
      options.splitFile ??
      (await firstPlace(root, ["splits/split_BUSI.json", "split_BUSI.json"], "file")) ??
      (await firstPlace(folder, ["split_BUSI.json"], "file"));
    return openImageFolder(folder, { ...options, ...(split === undefined ? {} : { splitFile: split, folders: BUSI_FOLDERS }) });
  }
  const list = await firstPlace(folder, ["labels.csv", "HAM10000_metadata.csv"], "file");
  if (list === undefined) throw missing(`${name}/labels.csv`, own);
  // The split is fixed: by lesion, stratified by diagnosis, seed 1, 70/10/20.
  return openCsvList(list, {
    imageFolder: options.imageFolder,
    maxImageBytes: options.maxImageBytes,
    labels: HAM10000_LABELS,
    classes: options.classes,
    labelColumn: "dx",
  });
}

async function openOfficial(file: string, name: string, classes: readonly string[]): Promise<OpenedDataset> {
  const npz = await openNpz(file);
  try {
    const dataset = await medmnistDataset(npz, medmnistFacts(name), classes);
    const side = npz.members.get("train_images")?.shape[1] ?? 0;
    return { ...dataset, splitOrigin: "official", notes: [await officialNote(file, name, side)], close: () => npz.close() };
  } catch (error) {
    npz.close();
    throw error;
  }
}

/** Files up to this size are held against their published MD5 when they are opened; larger ones by `data verify`. */
const CHECKED_BYTES = 64 * 2 ** 20;

/** A file is called official where its MD5 is the published one, and never for its name and shapes alone: labels may have been changed. */
async function officialNote(file: string, name: string, side: number): Promise<string> {
  const pixels = `${side} × ${side} pixels`;
  const published = Object.entries(medmnistFacts(name).md5).find(([size]) => Number(size) === side)?.[1];
  const { size } = await stat(file);
  if (published === undefined || size > CHECKED_BYTES)
    return `file in the official form, ${pixels}; its MD5 was not checked${published === undefined ? "" : `: run \`biovlm data verify ${name}\``}`;
  return (await digestFile(file, "md5")) === published
    ? `official file (its MD5 is the published one), ${pixels}`
    : `not the official file: its MD5 is not the published one; ${pixels}`;
}

async function openArrays(file: string, name: string, options: OpenDatasetOptions): Promise<OpenedDataset> {
  if (options.classes === undefined && options.namesFromLabels !== true)
    throw new DatasetError(
      "bad_option",
      `data set "${name}" — expected a class name for each label of an .npz file, got none. Name them in label order: --class NAME, once for each.`,
    );
  const npz = await openNpz(file);
  try {
    const dataset = await arraysDataset(npz, name, options.classes ?? (await labelNames(npz)));
    // what an archive says of its split stays, also where it holds one side alone
    if (dataset.items.some((item) => item.split !== undefined))
      return { ...dataset, splitOrigin: "given", notes: [], close: () => npz.close() };
    const drawn = await drawSplitByContent(dataset.items, options.shares ?? DEFAULT_SHARES, options.seed ?? 1);
    return { ...dataset, ...drawn, splitOrigin: "drawn", close: () => npz.close() };
  } catch (error) {
    npz.close();
    throw error;
  }
}

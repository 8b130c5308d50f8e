// A CSV list as a data set: one row an image, with its class, and where there are such columns its group (lesion, patient) and its split.

import { realpath, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { counted, nearest, nth, present } from "@biovlm/files";
import { findImages } from "@biovlm/files/node";
import { type CsvTable, parseCsv } from "../csv.js";
import type { DatasetItem, OpenedDataset, SplitName } from "../dataset.js";
import { drawSplitByContent } from "../equal-content.js";
import { DatasetError } from "../errors.js";
import { byLabel } from "../label-order.js";
import type { OriginReader } from "../origins.js";
import { classText, relativePath } from "../relative-path.js";
import { DEFAULT_SHARES, type SplitShares, withSplits } from "../splits.js";
import { byOrigin, datasetName, fileItem } from "./image-folder.js";
import { readText } from "./read-text.js";

/** How a list of images (CSV) is read: its folder, columns, bounds. */
export interface CsvListOptions {
  readonly name?: string | undefined;
  /** folder that image paths start from; `images` beside the list, else the list's own folder */
  readonly imageFolder?: string | undefined;
  /** column names; found by usual names where absent */
  readonly imageColumn?: string | undefined;
  readonly labelColumn?: string | undefined;
  /** images of one group stay on one side of a drawn split */
  readonly groupColumn?: string | undefined;
  /** train, val or test of each row */
  readonly splitColumn?: string | undefined;
  /** values of the label column in label order; sorted where absent */
  readonly labels?: readonly string[] | undefined;
  /** class names in label order; the label values where absent */
  readonly classes?: readonly string[] | undefined;
  /** A larger image file is refused before it is read. Default 64 MiB */
  readonly maxImageBytes?: number | undefined;
  /** files of one patient, study or series become one group, beside the groups of the list. Default: no file is asked */
  readonly origins?: OriginReader | undefined;
  readonly seed?: number | undefined;
  readonly shares?: SplitShares | undefined;
}

const USUAL = {
  image: ["image", "file", "filename", "file_name", "path", "image_path", "image_id"],
  label: ["label", "class", "dx", "diagnosis", "category", "target"],
  group: ["group", "lesion", "lesion_id", "patient", "patient_id", "subject", "subject_id"],
  split: ["split", "set", "partition", "fold"],
} as const;

const SPLIT_VALUES: Readonly<Record<string, SplitName>> = {
  train: "train",
  training: "train",
  val: "val",
  valid: "val",
  validation: "val",
  test: "test",
  testing: "test",
};

/** @throws DatasetError `not_found`, `bad_file`, `bad_option`, `too_large`; FilesError for what the file system refuses */
export async function openCsvList(csvPath: string, options: CsvListOptions = {}): Promise<OpenedDataset> {
  const table = parseCsv(await readText(csvPath, "CSV list"));
  const image = present(column(table, "image", options.imageColumn), "image column");
  const label = present(column(table, "label", options.labelColumn), "label column");
  const group = column(table, "group", options.groupColumn);
  const { split, notes: splitNotes } = splitColumn(table, options.splitColumn);
  const folder = options.imageFolder ?? (await defaultFolder(csvPath));
  const values = table.rows.map((row, i) => oneLabel(nth(row, label), i + 2));
  const labels = options.labels ?? [...new Set(values)].sort(byLabel);
  const classes = options.classes ?? labels.map(classText);
  if (classes.length !== labels.length)
    throw new DatasetError("bad_option", `class names — expected ${labels.length}, one a label value, got ${classes.length}.`);
  if (
    labels.length < 2 ||
    labels.length > 10_000 ||
    classes.some((name) => name === "" || name.length > 200) ||
    new Set(classes).size < classes.length
  )
    throw new DatasetError(
      "bad_file",
      `CSV list — expected 2 to 10000 different class names, got ${labels.length}. Check the label column.`,
    );

  const find = await imageFinder(folder);
  const below = await belowFolder(folder);
  const labelOf = new Map(labels.map((value, i) => [value, i]));
  const seen = new Set<string>();
  const sides: (SplitName | undefined)[] = [];
  let missing = 0;
  let firstMissing = 0;
  const listed = table.rows.map((row, i): DatasetItem => {
    const where = `CSV list, row ${i + 2}`;
    const at = labelOf.get(nth(values, i));
    if (at === undefined)
      throw new DatasetError(
        "bad_file",
        `${where} — expected one of the labels ${labels.slice(0, 20).join(", ")}, got another. Correct the row.`,
      );
    const path = relativePath(below(nth(row, image).trim(), where), where);
    const found = find(path);
    if (found === undefined && missing++ === 0) firstMissing = i + 2;
    if (seen.has(found ?? path)) throw new DatasetError("bad_file", `${where} — expected every image once, got one again. Remove a row.`);
    seen.add(found ?? path);
    if (split !== undefined) {
      const side = SPLIT_VALUES[nth(row, split).trim().toLowerCase()];
      if (side === undefined)
        throw new DatasetError("bad_file", `${where} — expected train, val or test as split, got another value. Correct the row.`);
      sides.push(side);
    }
    const item = fileItem({ folder, maxImageBytes: options.maxImageBytes }, found ?? path, at, i, sides[i], nth(classes, at));
    const key = group === undefined ? "" : nth(row, group).trim();
    return key === "" ? item : { ...item, group: key };
  });
  if (missing > 0) {
    throw new DatasetError(
      "not_found",
      `CSV list — expected ${listed.length} images in the image folder, got ${listed.length - missing}; the first missing one is in row ${firstMissing}. Check the file names in the list, and that images lie in the folder \`images\` beside it, or beside the list itself.`,
    );
  }
  const grouped =
    group === undefined
      ? []
      : [`grouped by column "${table.columns[group]}": ${counted(new Set(listed.map((item) => item.group ?? item.id)).size, "group")}`];
  const { items, notes: originNotes } = await byOrigin(listed, options.origins);
  const placed =
    split === undefined
      ? await drawSplitByContent(items, options.shares ?? DEFAULT_SHARES, options.seed ?? 1)
      : { items: withSplits(items, (item) => sides[item.index] ?? "train"), notes: [] };
  return {
    name: options.name ?? datasetName(csvPath),
    classes,
    sided: false,
    items: placed.items,
    splitOrigin: split === undefined ? "drawn" : "given",
    notes: [...splitNotes, ...grouped, ...originNotes, ...placed.notes],
    close() {},
  };
}

/** PatientID, patient_id, "patient id" and Patient-Id are one name. */
function plainName(name: string): string {
  return name.toLowerCase().replace(/[\s_.-]+/g, "");
}

/** Index of the named column, or of the first usual one. Image and label are required. */
function column(table: CsvTable, kind: keyof typeof USUAL, named: string | undefined): number | undefined {
  const plain = table.columns.map(plainName);
  if (named !== undefined) {
    const lower = table.columns.map((name) => name.toLowerCase());
    const at = lower.indexOf(named.toLowerCase());
    if (at >= 0) return at;
    const alike = plain.indexOf(plainName(named));
    if (alike >= 0) return alike;
    const near = nearest(named, table.columns);
    throw new DatasetError(
      "bad_option",
      `CSV list — expected a column "${named}", got ${table.columns.slice(0, 20).join(", ")}. ${near === undefined ? "Name one of these." : `Did you mean "${near}"?`}`,
    );
  }
  const usual = USUAL[kind].map(plainName).find((name) => plain.includes(name));
  if (usual !== undefined) return plain.indexOf(usual);
  if (kind === "group" || kind === "split") return undefined;
  throw new DatasetError(
    "bad_file",
    `CSV list — expected a column for the ${kind} (${USUAL[kind].join(", ")}), got ${table.columns.slice(0, 20).join(", ")}. Rename the column in the file.`,
  );
}

/**
 * The column that says which side a row is on. A usual name alone does not make one: a column of fold numbers is left aside, and said.
 * Values that are wrong among right ones are refused row by row.
 */
function splitColumn(
  table: CsvTable,
  named: string | undefined,
): { readonly split: number | undefined; readonly notes: readonly string[] } {
  const at = column(table, "split", named);
  if (at === undefined || named !== undefined || table.rows.some((row) => Object.hasOwn(SPLIT_VALUES, nth(row, at).trim().toLowerCase())))
    return { split: at, notes: [] };
  return { split: undefined, notes: [`column "${table.columns[at]}" holds no train, val or test: not taken as split`] };
}

/** The one class of a row: `a|a` is a twice over. @throws DatasetError `bad_file` for several classes in one field */
function oneLabel(field: string, row: number): string {
  if (!field.includes("|")) return field.trim();
  const parts = [...new Set(field.split("|").map((part) => part.trim()))].filter((part) => part !== "");
  if (parts.length === 1) return parts.join();
  throw new DatasetError(
    "bad_file",
    `CSV list, row ${row} — expected one class, got ${parts.length} joined by "|". Leave such rows out, or give each image one class.`,
  );
}

/** Absolute paths below the image folder → paths below it; others as they are. @throws DatasetError `bad_file` for one that leads elsewhere */
async function belowFolder(folder: string): Promise<(path: string, where: string) => string> {
  const plain = (path: string) => `${path.replaceAll("\\", "/").replace(/\/+$/, "")}/`;
  const roots = [...new Set([plain(resolve(folder)), plain(await realpath(folder).catch(() => resolve(folder)))])];
  return (path, where) => {
    const slashed = path.replaceAll("\\", "/");
    if (!/^(?:\/|[A-Za-z]:)/.test(slashed)) return path;
    const root = roots.find((one) => slashed.startsWith(one));
    if (root !== undefined) return slashed.slice(root.length);
    throw new DatasetError(
      "bad_file",
      `${where} — expected a path below the image folder, got an absolute path that leads elsewhere. Put the list beside its images, and name them from there.`,
    );
  };
}

async function defaultFolder(csvPath: string): Promise<string> {
  const images = join(dirname(csvPath), "images");
  const info = await stat(images).catch(() => undefined);
  return info?.isDirectory() ? images : dirname(csvPath);
}

/** Listed path → path on disk; a path without extension may name the one image of that stem, in any folder below. */
async function imageFinder(folder: string): Promise<(path: string) => string | undefined> {
  const { paths } = await findImages(folder);
  const exact = new Set(paths);
  const stems = new Map<string, string | undefined>();
  for (const path of paths) {
    const whole = path.replace(/\.[^./]+$/, "");
    for (const stem of new Set([whole, whole.slice(whole.lastIndexOf("/") + 1)])) stems.set(stem, stems.has(stem) ? undefined : path);
  }
  return (path) => (exact.has(path) ? path : stems.get(path));
}

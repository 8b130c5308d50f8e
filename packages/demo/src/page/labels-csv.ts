// Labels as a CSV list that the command line takes too: file, label, and the content's sha256, by which a list finds its images again whatever
// they are called. Texts only; label-files.ts has the buttons.

import { csvLine, csvPath, parseCsv } from "@biovlm/datasets";
import type { ImageItem } from "./image-item.js";

/** One row of a list. */
export interface ListedLabel {
  readonly file: string;
  readonly label: string;
  /** 64 hex digits */
  readonly hash?: string;
}

/** Columns by the names that lists usually have for them. */
const COLUMNS = {
  file: ["file", "image", "filename", "file_name", "path", "image_path", "image_id"],
  label: ["label", "class", "dx", "diagnosis", "category", "target"],
  hash: ["sha256"],
} as const;

/** A list of all labelled images, in their order. */
export function labelsCsv(images: readonly ImageItem[]): string {
  const rows = images.flatMap((image) =>
    image.labelName === undefined ? [] : [[csvPath(pathOf(image)), image.labelName, image.identity?.hash ?? ""]],
  );
  return csvText([["file", "label", "sha256"], ...rows]);
}

/** @throws DatasetError `bad_file`, `too_large`; Error where a column is missing */
export function readLabels(text: string): ListedLabel[] {
  const { columns, rows } = parseCsv(text, { maxLength: 64 * 2 ** 20 });
  const lower = columns.map((name) => name.toLowerCase());
  const at = (kind: keyof typeof COLUMNS) => lower.findIndex((name) => (COLUMNS[kind] as readonly string[]).includes(name));
  const [file, label, hash] = [at("file"), at("label"), at("hash")];
  if (label < 0 || (file < 0 && hash < 0))
    throw new Error(`labels — expected columns “file” and “label”, got ${columns.slice(0, 20).join(", ")}. Rename them in the file.`);
  return rows.flatMap((row) => {
    const name = row[label]?.trim() ?? "";
    const digest = row[hash]?.trim().toLowerCase() ?? "";
    if (name === "") return [];
    return [{ file: row[file]?.trim() ?? "", label: name.slice(0, 200), ...(/^[0-9a-f]{64}$/.test(digest) ? { hash: digest } : {}) }];
  });
}

/** Labels onto images: by path and content, then by content, by path, by the end of the path where one image alone has it. */
export function matchLabels(
  rows: readonly ListedLabel[],
  images: readonly ImageItem[],
): { readonly labels: (readonly [ImageItem, string])[]; readonly left: ListedLabel[] } {
  const keys = (image: ImageItem) => [`${image.identity?.hash} ${pathOf(image)}`, image.identity?.hash, ...ends(pathOf(image))];
  const found = new Map<string, Set<ImageItem>>();
  for (const image of images)
    for (const key of keys(image)) if (key !== undefined) found.set(key, (found.get(key) ?? new Set()).add(image));
  const labels = new Map<ImageItem, string>();
  const left: ListedLabel[] = [];
  for (const row of rows) {
    const exact = row.hash === undefined ? undefined : (found.get(`${row.hash} ${row.file}`) ?? found.get(row.hash));
    const byPath = row.hash === undefined ? [...ends(row.file)].map((end) => found.get(end)).find((set) => set?.size === 1) : undefined;
    const named = [...(exact ?? byPath ?? [])];
    if (named.length === 0) left.push(row);
    for (const image of named) labels.set(image, row.label);
  }
  return { labels: [...labels], left };
}

/** Lines that end as the standard has it. */
export function csvText(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => `${csvLine(row)}\r\n`).join("");
}

/** An image's folder and name. */
export function pathOf({ folder, name }: ImageItem): string {
  return folder === "" ? name : `${folder}/${name}`;
}

/** "a/b/c" → "a/b/c", "b/c", "c": lists may start from another folder. */
function ends(path: string): string[] {
  const parts = path.replaceAll("\\", "/").split("/");
  return parts.map((_, i) => parts.slice(i).join("/"));
}

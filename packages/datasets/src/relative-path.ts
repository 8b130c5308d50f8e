// Paths that come from files (lists, split files): relative, forward slashes, inside their folder. Checked as text, before anything is touched.

import { DatasetError } from "./errors.js";

/** `./` is dropped, backslashes are slashes. @param where names the place in the file, not the path @throws DatasetError `bad_file` */
export function relativePath(text: string, where: string): string {
  const path = text.replaceAll("\\", "/").replace(/^(?:\.\/)+/, "");
  const sound = path.length > 0 && path.length <= 1024 && !/[\0-\x1f]/.test(path) && !/^(?:\/|[A-Za-z]:)/.test(path);
  if (!sound || path.split("/").some((part) => part === ".." || part === "." || part === ""))
    throw new DatasetError(
      "bad_file",
      `${where} — expected a relative path without "..", got another one. Use paths below the image folder.`,
    );
  return path;
}

/** A class name as text from a folder's or a list's: underscores are spaces. */
export function classText(raw: string): string {
  return raw
    .normalize("NFC")
    .replace(/[\s_]+/g, " ")
    .trim();
}

// CSV as spreadsheets write it: RFC 4180 quoting, comma, semicolon or tab (found in the header), any line end, with or without BOM.
// A table has a header and rows of equal length; anything else is refused with its row.

import { DatasetError } from "./errors.js";

/** A parsed CSV list: column names of the first line, then the rows, each as long as the columns. */
export interface CsvTable {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Bounds of a CSV list; what exceeds one is refused as `too_large`. */
export interface CsvLimits {
  /** characters. Default 128 Mi */
  readonly maxLength?: number;
  /** Default 2 000 000 */
  readonly maxRows?: number;
  /** Default 256 */
  readonly maxColumns?: number;
}

/** @throws DatasetError `bad_file`, `too_large` */
export function parseCsv(text: string, { maxLength = 128 * 2 ** 20, maxRows = 2_000_000, maxColumns = 256 }: CsvLimits = {}): CsvTable {
  if (text.length > maxLength)
    throw new DatasetError("too_large", `CSV — expected at most ${maxLength} characters, got ${text.length}. Split the file.`);
  const bare = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  if (bare.includes("\0")) throw bad("text", "a NUL character: perhaps UTF-16. Save it as UTF-8");
  const header = bare.slice(0, bare.search(/[\r\n]|$/));
  const separator = [",", ";", "\t"].map((s) => [s, header.split(s).length] as const).reduce((a, b) => (b[1] > a[1] ? b : a))[0];
  let columns: string[] | undefined;
  const rows: string[][] = [];
  for (const record of records(bare, separator)) {
    if (record.length === 1 && record[0] === "") continue;
    if (columns === undefined) {
      columns = record.map((name) => name.trim());
      if (columns.length > maxColumns)
        throw new DatasetError("too_large", `CSV — expected at most ${maxColumns} columns, got ${columns.length}.`);
      if (new Set(columns.map((name) => name.toLowerCase())).size !== columns.length)
        throw bad("column names that differ", "one twice. Rename it");
      continue;
    }
    if (record.length !== columns.length)
      throw bad(`${columns.length} fields in row ${rows.length + 2}`, `${record.length}. Quote fields that hold the separator`);
    if (rows.length >= maxRows) throw new DatasetError("too_large", `CSV — expected at most ${maxRows} rows, got more. Split the file.`);
    rows.push(record);
  }
  if (columns === undefined || rows.length === 0) throw bad("a header and at least one row", "none. Check the file");
  return { columns, rows };
}

/** What spreadsheets take for the beginning of a formula, unless all of it is a number. */
const FORMULA = /^(?!-?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$)[=+\-@\t\r\n＝＋－＠]/i;

/**
 * One line of a CSV as RFC 4180 has it, without its end: fields with a separator, a quote or a line end are quoted, and so is one with spaces
 * around. A text that a spreadsheet would take for a formula stands behind a space, which readers of names pass over; numbers are left as they are.
 */
export function csvLine(fields: readonly (string | number)[]): string {
  return fields
    .map((field) => (FORMULA.test(`${field}`) ? ` ${field}` : `${field}`))
    .map((field) => (/[",;\t\r\n]|^\s|\s$/.test(field) ? `"${field.replaceAll('"', '""')}"` : field))
    .join(",");
}

/** A path for `csvLine`: one that a spreadsheet would take for a formula from its folder on, "./=x.png", which leads to the same file. */
export const csvPath = (path: string): string => (FORMULA.test(path) ? `./${path}` : path);

function bad(expected: string, got: string): DatasetError {
  return new DatasetError("bad_file", `CSV — expected ${expected}, got ${got}.`);
}

function* records(text: string, separator: string): Generator<string[], void> {
  const stop = new RegExp(`[${separator}\\r\\n]`, "g");
  let record: string[] = [];
  for (let at = 0; at <= text.length; ) {
    let field = "";
    if (text[at] === '"') {
      for (let from = at + 1; ; ) {
        const quote = text.indexOf('"', from);
        if (quote < 0) throw bad("closed quotes", "an open one at the end");
        field += text.slice(from, quote);
        if (text[quote + 1] !== '"') {
          at = quote + 1;
          break;
        }
        field += '"';
        from = quote + 2;
      }
      const after = text[at];
      if (after !== undefined && after !== separator && after !== "\r" && after !== "\n")
        throw bad("a separator after a quoted field", "text");
    } else {
      stop.lastIndex = at;
      const end = stop.exec(text)?.index ?? text.length;
      field = text.slice(at, end);
      at = end;
    }
    record.push(field);
    if (text[at] === separator) {
      at++;
      continue;
    }
    yield record;
    record = [];
    at += text[at] === "\r" && text[at + 1] === "\n" ? 2 : 1;
  }
}

// Rows of the oracles' tables: one a frame, with the sha256 of the stored values and of the RGB8 bytes.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { StoredValues } from "../../src/dicom/stored-values.js";

/** One row of oracle.tsv, by column. */
export type OracleRow = Readonly<Record<string, string>>;

/** Rows of a table with a header line. */
export function tableRows(path: string): OracleRow[] {
  const [header = "", ...lines] = readFileSync(path, "utf8").trim().split("\n");
  const columns = header.split("\t");
  return lines.map((line) => Object.fromEntries(line.split("\t").map((value, i) => [columns[i] ?? "", value])));
}

export const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** Bytes of stored values, little-endian. */
export const valueBytes = (values: StoredValues) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

/** Rows by file. */
export function byFile(rows: readonly OracleRow[]): [string, OracleRow[]][] {
  const files = new Map<string, OracleRow[]>();
  for (const row of rows) files.set(row["file"] ?? "", [...(files.get(row["file"] ?? "") ?? []), row]);
  return [...files];
}

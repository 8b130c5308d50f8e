// Rows of the oracles' tables: one a frame, with the sha256 of the stored values and of the RGB8 bytes.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

/** One row of oracle.tsv, by column. */
export type OracleRow = Readonly<Record<string, string>>;

/** Rows of a table with a header line. */
export function tableRows(path: string): OracleRow[] {
  const [header = "", ...lines] = readFileSync(path, "utf8").trim().split("\n");
  const columns = header.split("\t");
  return lines.map((line) => Object.fromEntries(line.split("\t").map((value, i) => [columns[i] ?? "", value])));
}

export const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** Whether a row's stored values are not the codec's: of colour JPEG the oracle stored YCbCr, the codec gives RGB. */
export const storedElsewise = (row: OracleRow): boolean =>
  row["photometric"]?.startsWith("YBR_FULL") === true && row["transfer_syntax"]?.includes(".4.5") === true;

/** Rows by file. */
export function byFile(rows: readonly OracleRow[]): [string, OracleRow[]][] {
  const files = new Map<string, OracleRow[]>();
  for (const row of rows) files.set(row["file"] ?? "", [...(files.get(row["file"] ?? "") ?? []), row]);
  return [...files];
}

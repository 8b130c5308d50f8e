// Rows as CSV text that a spreadsheet opens without taking any of it for a formula.

/** What a spreadsheet would take for a formula is put behind something that readers of paths and labels pass over. */
export function harmless(text: string, before: string): string {
  return /^[=+\-@\t\r]/.test(text) ? before + text : text;
}

/** Lines that end as the standard has it. */
export function csvText(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => `${row.map(field).join(",")}\r\n`).join("");
}

function field(text: string): string {
  return /[",;\t\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

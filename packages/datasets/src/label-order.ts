// The order in which classes get their label numbers, of a list's labels and a folder's class folders alike.

import { byCodeUnit } from "@biovlm/files";

/** Numbers by their value, so that 10 comes after 9; other labels by their code units, after them. */
export function byLabel(a: string, b: string): number {
  const number = (text: string) => (/^\s*-?\d+(\.\d+)?\s*$/.test(text) ? Number(text) : Number.NaN);
  const [x, y] = [number(a), number(b)];
  if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) && Number.isNaN(y) ? byCodeUnit(a, b) : Number.isNaN(x) ? 1 : -1;
  return x === y ? byCodeUnit(a, b) : x - y;
}

// The order of names and paths: by code units, the same on every machine and in every locale.

/** For `sort`: `a` before `b` as `<` on strings says. */
export function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

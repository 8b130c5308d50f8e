// Reads of single elements that say so when nothing is there, in place of trusting that it always is.

import { DatasetError } from "./errors.js";

/** Element `at`. @throws DatasetError `bad_option` past the end: a fault of ours, not of a file */
export function nth<T>(list: ArrayLike<T>, at: number): T {
  const value = list[at];
  if (value === undefined) throw new DatasetError("bad_option", `element ${at} — expected one of ${list.length}, got none. Report this.`);
  return value;
}

/** The value of a key that was put there before. @throws DatasetError `bad_option` */
export function known<K, V>(map: ReadonlyMap<K, V>, key: K): V {
  const value = map.get(key);
  if (value === undefined)
    throw new DatasetError("bad_option", "entry of a table — expected one that was put there, got none. Report this.");
  return value;
}

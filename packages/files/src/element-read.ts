// Reads of single entries that say so when nothing is there, in place of trusting that it always is. For lists and tables whose entry was
// put there before: a miss is a fault of ours, not of a file. Hot loops over numbers use the readers of @biovlm/core.

/** Entry `at` of a list that has it. @throws RangeError past the end */
export function nth<T>(list: ArrayLike<T | undefined>, at: number): T {
  const value = list[at];
  if (value === undefined)
    throw new RangeError(`entry ${at} — expected one of ${list.length}, got none. This is a fault of the program: report it.`);
  return value;
}

/** The value of a key that was put there before. @throws RangeError where it was not */
export function known<K, V>(map: ReadonlyMap<K, V>, key: K): V {
  const value = map.get(key);
  if (value === undefined)
    throw new RangeError("entry of a table — expected one that was put there, got none. This is a fault of the program: report it.");
  return value;
}

/** A value that the flow has made by here, which its type cannot say. `what` names it. @throws RangeError where it was not */
export function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new RangeError(`${what} — expected it by here, got none. This is a fault of the program: report it.`);
  return value;
}

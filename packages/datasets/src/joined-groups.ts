// Groups of items that belong together for more than one reason: whoever shares a key or a group, through any number of steps, gets one group.

import type { DatasetItem } from "./dataset.js";

/** The items in their order; those that share a key, and whoever shares a group with one of them, get one group key, made of no key. */
export function joinByKeys(items: readonly DatasetItem[], keys: readonly (readonly string[])[]): DatasetItem[] {
  const firstOf = new Map<string, string>();
  const parents = new Map<string, string>();
  const rootOf = (key: string): string => {
    let root = key;
    for (let next = parents.get(root); next !== undefined; next = parents.get(root)) root = next;
    return root;
  };
  for (const [i, item] of items.entries()) {
    for (const key of keys[i] ?? []) {
      const own = ownKey(item);
      const first = firstOf.get(key);
      if (first === undefined) {
        firstOf.set(key, own);
        continue;
      }
      const [a, b] = [rootOf(first), rootOf(own)];
      if (a !== b) parents.set(b, a);
    }
  }
  if (parents.size === 0) return [...items];
  const roots = new Set([...parents.keys()].map(rootOf));
  return items.map((item) => {
    const root = rootOf(ownKey(item));
    return roots.has(root) && item.group !== root ? { ...item, group: root, open: () => item.open() } : item;
  });
}

/** What holds an item together with others: its group, or itself. No name of a person's own holds a NUL, so that none passes for an item. */
function ownKey(item: DatasetItem): string {
  return item.group ?? `\0${item.id}`;
}

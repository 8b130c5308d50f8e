// Orders of files, and which two are one. People see names in natural order, scan-2 before scan-10; learning takes them by code units, as the
// command line does, so that the same images give the same bank.

/** What an order looks at. */
export interface Placed {
  readonly name: string;
  /** the folder it lay in, or "" */
  readonly folder: string;
}

/** Compares names as people order them, numbers within by their value. */
export const natural = new Intl.Collator("en", { numeric: true });

/** By folder, then by name; numbers within by their value. */
export function byNature(a: Placed, b: Placed): number {
  return natural.compare(a.folder, b.folder) || natural.compare(a.name, b.name) || byCodeUnits(a, b);
}

/** By the code units of the path, as the command line sorts. */
export function byCodeUnits(a: Placed, b: Placed): number {
  const [left, right] = [`${a.folder}/${a.name}`, `${b.folder}/${b.name}`];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** What two files share if they may be one and the same on the disk. */
export function fileKey({ name, size, lastModified }: File): string {
  return `${size} ${lastModified} ${name}`;
}

/** Puts one more under a key. */
export function addTo<T>(map: Map<string, T[]>, key: string, image: T): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [image]);
  else list.push(image);
}

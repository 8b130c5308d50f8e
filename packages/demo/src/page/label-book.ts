// Labels by what the images hold: class names under the sha256 of a file's content, so that they come back with the image, whatever it is called
// and whenever it comes. Two files of one content may have two labels: each is known by its place too. No file name is kept, only digests.

/** The sha256 of a content, and a digest of where it lay. */
export interface Identity {
  readonly hash: string;
  readonly place: string;
}

/** What was said of one content: class names by place. */
export type Said = Readonly<Record<string, string>>;

/** A label that came without its image, from a list. */
export const ANYWHERE = "*";

export class LabelBook {
  /** Hears of every change, to keep it. Undefined: nothing is said of this content any more. */
  onWrite: (hash: string, said: Said | undefined) => void = () => {};
  private readonly entries = new Map<string, Said>();

  get size(): number {
    return this.entries.size;
  }

  /** Takes what was kept; it is not written again. */
  load(entries: Iterable<readonly [string, Said]>): void {
    for (const [hash, said] of entries) this.entries.set(hash, said);
  }

  /** The label of an image: its own, or the one that all images of its content share. */
  of({ hash, place }: Identity): string | undefined {
    const said = this.entries.get(hash);
    if (said === undefined) return undefined;
    const own = said[place];
    if (own !== undefined) return own;
    const names = new Set(Object.values(said));
    return names.size === 1 ? [...names][0] : undefined;
  }

  /** A person's newest word on an image. What was said of its content elsewhere stays where this place was known, else it is superseded. */
  say({ hash, place }: Identity, name: string | undefined): void {
    const { [place]: own, ...others } = this.entries.get(hash) ?? {};
    const kept = own === undefined ? {} : others;
    this.put(hash, name === undefined ? kept : { ...kept, [place]: name });
  }

  /** Gives classes other names in everything kept; answers what stood there before. */
  rename(names: ReadonlyMap<string, string>): (readonly [string, Said])[] {
    const before: (readonly [string, Said])[] = [];
    for (const [hash, said] of [...this.entries]) {
      if (!Object.values(said).some((name) => names.has(name))) continue;
      before.push([hash, said]);
      this.put(hash, Object.fromEntries(Object.entries(said).map(([place, name]) => [place, names.get(name) ?? name])));
    }
    return before;
  }

  /** Puts back what `rename` answered. */
  restore(entries: Iterable<readonly [string, Said]>): void {
    for (const [hash, said] of entries) this.put(hash, said);
  }

  /** Forgets everything; whoever keeps it clears it himself. */
  clear(): void {
    this.entries.clear();
  }

  private put(hash: string, said: Said): void {
    const empty = Object.keys(said).length === 0;
    if (empty) this.entries.delete(hash);
    else this.entries.set(hash, said);
    this.onWrite(hash, empty ? undefined : said);
  }
}

// Files that are read before their turn comes, so that a slow store does not hold the encoder up: bounded by bytes, not by how many they are.
// What is bounded is what was read and not yet taken; who takes a file holds it from then on.

/** Says how many bytes are about to be read, and waits until there is room for them. */
export type Admit = (bytes: number) => Promise<void>;

/** How far ahead is read. */
export interface ReadAheadLimits {
  /** most bytes read and not yet taken; one file may be larger */
  readonly bytes: number;
  /** most reads begun and not ended */
  readonly atOnce: number;
}

const NOTHING = Promise.resolve(new Uint8Array(0));

interface Waiting {
  readonly index: number;
  readonly bytes: number;
  readonly go: () => void;
}

/**
 * Reads `count` files in their order, ahead of who takes them. The next one to be taken is always let in, whatever its size, so that none waits
 * for ever.
 * @param read reads one file; calls `admit` with its size before it holds its bytes, of a file in two parts with the size of each
 */
export class ReadAhead {
  private readonly count: number;
  private readonly read: (index: number, admit: Admit) => Promise<Uint8Array>;
  private readonly limits: ReadAheadLimits;
  private readonly files: (Promise<Uint8Array> | undefined)[] = [];
  private readonly admitted = new Map<number, number>();
  private readonly taken = new Set<number>();
  private waiting: Waiting[] = [];
  private reading = 0;
  private held = 0;
  private head = 0;
  private closed = false;

  constructor(count: number, read: (index: number, admit: Admit) => Promise<Uint8Array>, limits: ReadAheadLimits) {
    this.count = count;
    this.read = read;
    this.limits = limits;
    this.begin();
  }

  /** The bytes of a file; asked for once. Rejects as `read` does. */
  async take(index: number): Promise<Uint8Array> {
    try {
      return await (this.files[index] ?? this.start(index));
    } finally {
      this.taken.add(index);
      while (this.taken.has(this.head)) this.taken.delete(this.head++);
      this.held -= this.admitted.get(index) ?? 0;
      this.admitted.delete(index);
      this.begin();
    }
  }

  /** Lets go of a file that nobody will take: it is not read where that was not begun. To be called in order. */
  skip(index: number): void {
    if (this.files[index] !== undefined || index !== this.files.length) return void this.take(index).catch(() => {});
    this.files.push(NOTHING);
    this.taken.add(index);
    while (this.taken.has(this.head)) this.taken.delete(this.head++);
  }

  /** Begins no more reads. What is being read ends by itself. */
  close(): void {
    this.closed = true;
    for (const { go } of this.waiting.splice(0)) go();
  }

  private begin(): void {
    this.waiting = this.waiting.filter(({ index, bytes, go }) => {
      if (!this.fits(index, bytes)) return true;
      this.admit(index, bytes);
      go();
      return false;
    });
    while (!this.closed && this.reading < this.limits.atOnce && this.held < this.limits.bytes && this.files.length < this.count)
      this.start(this.files.length);
  }

  private start(index: number): Promise<Uint8Array> {
    this.reading++;
    const file = this.read(index, async (bytes) => {
      if (this.closed || this.fits(index, bytes)) this.admit(index, bytes);
      else await new Promise<void>((go) => this.waiting.push({ index, bytes, go }));
    }).finally(() => {
      this.reading--;
      this.begin();
    });
    // it is met when it is taken
    file.catch(() => {});
    this.files[index] = file;
    return file;
  }

  private fits(index: number, bytes: number): boolean {
    return index === this.head || this.held + bytes <= this.limits.bytes;
  }

  private admit(index: number, bytes: number): void {
    // of a volume in two files, one after the other
    this.admitted.set(index, (this.admitted.get(index) ?? 0) + bytes);
    this.held += bytes;
  }
}

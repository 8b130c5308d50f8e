// Turns at something that only so many may do at once, in order of asking.

/** So many turns at once; who waits, in order of asking. What asks for more than there are takes all. */
export class Turns {
  private free: number;
  private readonly all: number;
  private readonly waiting: { readonly weight: number; readonly go: () => void }[] = [];
  /** who has one or several */
  taken = 0;

  constructor(all: number) {
    this.all = all;
    this.free = all;
  }

  /** @returns what was taken */
  async take(asked: number): Promise<number> {
    const weight = Math.min(this.all, Math.max(1, asked));
    if (this.waiting.length > 0 || this.free < weight) await new Promise<void>((go) => this.waiting.push({ weight, go }));
    else this.start(weight);
    return weight;
  }

  give(weight: number): void {
    this.free += weight;
    this.taken--;
    for (let [next] = this.waiting; next !== undefined && next.weight <= this.free; [next] = this.waiting) {
      this.waiting.shift();
      this.start(next.weight);
      next.go();
    }
  }

  private start(weight: number): void {
    this.free -= weight;
    this.taken++;
  }
}

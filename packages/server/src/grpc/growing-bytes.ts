// Bytes that come in pieces, in one piece of memory: pieces are copied at once, so that none keeps the network's whole buffer alive, and the message
// is never held twice, as it is where pieces are gathered first and joined afterwards.

/** Most messages fit, and are never moved. */
const FIRST_BYTES = 262_144;
/** What is reserved is not yet memory: pages come with what is written to them. */
const GROWTH = 8;

/** Grows up to a limit that whoever adds has checked. */
export class GrowingBytes {
  private readonly limit: number;
  private memory: Buffer;
  /** how many have come */
  length = 0;

  /** @param limit most bytes that will be added @param first reserved for the first piece, where that is less */
  constructor(limit: number, first = FIRST_BYTES) {
    this.limit = limit;
    this.memory = Buffer.allocUnsafeSlow(Math.min(limit, first));
  }

  /** a view of what has come */
  get bytes(): Buffer {
    return this.length === this.memory.length ? this.memory : this.memory.subarray(0, this.length);
  }

  add(piece: Uint8Array): void {
    const needed = this.length + piece.length;
    if (needed > this.memory.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(this.limit, Math.max(FIRST_BYTES, GROWTH * this.memory.length))));
      larger.set(this.bytes);
      this.memory = larger;
    }
    this.memory.set(piece, this.length);
    this.length = needed;
  }
}

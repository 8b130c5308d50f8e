// Frames of one file on their way to the device: the next is decoded while those before it wait or run, and no more than a few are ever under way.

import type { EncodedFrame } from "../contract/encoding.js";
import type { Turns } from "./turns.js";

/** Rows of one file's frames, in order. */
export class FrameRows {
  private readonly ahead: Turns;
  private readonly signal: AbortSignal | undefined;
  private readonly rows: Promise<EncodedFrame>[] = [];
  private failure: { readonly error: unknown } | undefined;

  /** @param ahead turns that files of all calls share */
  constructor(ahead: Turns, signal: AbortSignal | undefined) {
    this.ahead = ahead;
    this.signal = signal;
  }

  /**
   * Waits for a turn, then makes a frame's pixels; its row comes later. One frame is made at a time.
   * Rejects with the signal's reason, and as a frame before it was encoded.
   */
  async add<T>(make: () => Promise<T>, encode: (made: T) => Promise<EncodedFrame>): Promise<void> {
    const weight = await this.ahead.take(1);
    let row: Promise<EncodedFrame>;
    try {
      this.signal?.throwIfAborted();
      if (this.failure !== undefined) throw this.failure.error;
      row = encode(await make());
    } catch (error) {
      this.ahead.give(weight);
      throw error;
    }
    this.rows.push(row);
    row
      .catch((error: unknown) => {
        this.failure ??= { error };
      })
      .finally(() => this.ahead.give(weight));
  }

  /** A row that is there already, or why there is none. */
  put(frame: EncodedFrame): void {
    this.rows.push(Promise.resolve(frame));
  }

  /** Rejects as encoding them did. */
  all(): Promise<EncodedFrame[]> {
    return Promise.all(this.rows);
  }
}

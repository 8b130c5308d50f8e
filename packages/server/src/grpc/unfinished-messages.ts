// Calls whose message is not whole yet: who sends a part and then nothing would hold it, and its share of the budget, for as long as the connection
// lasts. One timer for all of them, while there are any.

import { ServerError } from "../errors.js";

/** A call that waits for the rest of its message. */
interface Waiting {
  /** it took too long */
  late(error: ServerError): void;
}

export class UnfinishedMessages {
  private readonly limitMs: number;
  /** since when, milliseconds; the oldest first */
  private readonly since = new Map<Waiting, number>();
  private timer: NodeJS.Timeout | undefined;

  /** @param limitMs from a message's first byte to its last */
  constructor(limitMs: number) {
    this.limitMs = limitMs;
  }

  /** Without effect where it has begun. */
  begin(call: Waiting): void {
    if (this.since.has(call)) return;
    this.since.set(call, performance.now());
    this.timer ??= setInterval(() => this.look(), Math.max(20, Math.min(1000, this.limitMs / 4))).unref();
  }

  end(call: Waiting): void {
    this.since.delete(call);
  }

  private look(): void {
    const before = performance.now() - this.limitMs;
    for (const [call, since] of this.since) {
      if (since > before) break;
      this.since.delete(call);
      call.late(
        new ServerError(
          "deadline_exceeded",
          `message — expected to come whole within ${this.limitMs} ms, got a part of it. Send it again.`,
        ),
      );
    }
    if (this.since.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }
}

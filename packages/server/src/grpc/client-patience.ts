// Calls that wait for their client: for the rest of a message, or until an answer is taken. Who sends a part and then nothing, or asks and does not
// read, would hold a call and its share of the budget for as long as the connection lasts. One timer for all that wait, while there are any.

/** What a client takes or sends at least, beside the time that it has. */
const BYTES_PER_SECOND = 16 * 1024;

/** Smaller answers cost no more than the call itself, and are not counted. */
export const SMALL_ANSWER_BYTES = 4096;

export class ClientPatience<Call extends object> {
  private readonly limitMs: number;
  private readonly late: (call: Call) => void;
  /** until when, milliseconds */
  private readonly until = new Map<Call, number>();
  private timer: NodeJS.Timeout | undefined;

  /** @param limitMs time that any call has @param late hears once of a call that took longer */
  constructor(limitMs: number, late: (call: Call) => void) {
    this.limitMs = limitMs;
    this.late = late;
  }

  /** Without effect where it has begun. @param bytes that need time of their own */
  begin(call: Call, bytes = 0): void {
    if (this.until.has(call)) return;
    this.until.set(call, performance.now() + this.limitMs + (bytes / BYTES_PER_SECOND) * 1000);
    this.timer ??= setInterval(() => this.look(), Math.max(20, Math.min(1000, this.limitMs / 4))).unref();
  }

  end(call: Call): void {
    this.until.delete(call);
  }

  private look(): void {
    const now = performance.now();
    for (const [call, until] of this.until) {
      if (until > now) continue;
      this.until.delete(call);
      this.late(call);
    }
    if (this.until.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }
}

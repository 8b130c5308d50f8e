// Gathers single items of many requests into batches. A free slot takes what waits at once when it is full or old enough; while every slot is
// busy the queue grows up to a bound, beyond which new items are refused. It knows neither images nor processes: `run` does the work.

import { nth } from "@biovlm/files";
import { EngineError } from "../contract/errors.js";

export interface BatcherOptions {
  /** items in one batch */
  readonly maxBatch: number;
  /** longest wait for a batch to fill while a slot is free, milliseconds; 0 never waits */
  readonly maxQueueDelayMs: number;
  /** items that may wait; more are refused with `overloaded` */
  readonly maxQueue: number;
  /** batches that may run at once */
  readonly slots: () => number;
  /** items that will be here soon: while there are any, a free slot waits `gatherMs` for them */
  readonly coming?: () => number;
  /** Default 0. */
  readonly gatherMs?: number;
}

export interface Submission {
  readonly signal?: AbortSignal | undefined;
  /** milliseconds since the epoch */
  readonly deadline?: number;
}

/** What a batch's work gave an item, and how long the item had waited. */
export interface Batched<O> {
  readonly value: O;
  readonly queueMs: number;
}

interface Waiting<I, O> {
  readonly item: I;
  readonly since: number;
  settle(outcome: { readonly value: O; readonly queueMs: number } | { readonly error: unknown }): void;
}

/** A queue with batches. Every item settles exactly once: by its batch, its deadline, its signal, or `close`. */
export class Batcher<I, O> {
  private readonly options: BatcherOptions;
  private readonly run: (items: readonly I[]) => Promise<readonly O[]>;
  private readonly waiting = new Set<Waiting<I, O>>();
  private running = 0;
  private open = 0;
  private timer: NodeJS.Timeout | undefined;
  private closed = false;
  private idle: (() => void)[] = [];
  /** milliseconds an item has lately taken once it ran; for Retry-After */
  private pace = 0;

  /** @param run answers in the order of its items, one for each; a rejection is every item's */
  constructor(options: BatcherOptions, run: (items: readonly I[]) => Promise<readonly O[]>) {
    this.options = options;
    this.run = run;
  }

  /** items that wait */
  get depth(): number {
    return this.waiting.size;
  }

  /** items that wait or run */
  get unsettled(): number {
    return this.open;
  }

  /**
   * All items or none are taken. @throws EngineError `too_many_images` for more than could ever wait, `overloaded` with Retry-After,
   * `not_ready` after `close`; each promise rejects with `deadline_exceeded`, the signal's reason, or what `run` threw.
   */
  submit(items: readonly I[], { signal, deadline }: Submission = {}): Promise<Batched<O>[]> {
    const { maxQueue } = this.options;
    if (this.closed)
      throw new EngineError("not_ready", "the server — expected to be open, got a stop in progress. Try another.", { retryAfter: 5 });
    if (items.length > maxQueue)
      throw new EngineError("too_many_images", `images — expected at most ${maxQueue} at once, got ${items.length}. Send fewer.`);
    this.refuseIfFull(items.length);
    if (signal?.aborted) return Promise.reject(signal.reason as Error);
    // one listener for all of them: Node takes more than ten of one signal for a leak, and says so on stderr
    const leave: (() => void)[] = [];
    let open = items.length;
    const onAbort = () => {
      for (const end of leave) end();
    };
    const results = items.map((item) =>
      this.enqueue(item, deadline, (settle) => {
        leave.push(() => settle({ error: signal?.reason }));
        return () => {
          if (--open === 0) signal?.removeEventListener("abort", onAbort);
        };
      }),
    );
    if (items.length > 0) signal?.addEventListener("abort", onAbort, { once: true });
    this.pump();
    return Promise.all(results);
  }

  /** @throws EngineError `overloaded` with Retry-After, where so many more may not wait */
  refuseIfFull(count = 1): void {
    const waiting = this.waiting.size;
    if (waiting + count <= this.options.maxQueue) return;
    throw new EngineError("overloaded", `the queue — expected room for ${count}, got ${waiting} waiting. Try again later.`, {
      retryAfter: this.retryAfter(),
    });
  }

  /** Looks again, where what was coming does not come. */
  nudge(): void {
    this.pump();
  }

  /** Takes nothing more and waits at most `graceMs` for what is there; what still waits then is refused. */
  async close(graceMs: number): Promise<void> {
    this.closed = true;
    this.pump();
    if (this.open > 0) {
      let timer: NodeJS.Timeout | undefined;
      await Promise.race([
        new Promise<void>((done) => this.idle.push(done)),
        new Promise<void>((done) => {
          timer = setTimeout(done, graceMs);
        }),
      ]);
      clearTimeout(timer);
    }
    const error = new EngineError("not_ready", "the server — expected to answer, got a stop. Try another.", { retryAfter: 5 });
    for (const entry of [...this.waiting]) entry.settle({ error });
    clearTimeout(this.timer);
  }

  /** @param begun is handed what settles the item, and gives back what is called once it is settled */
  private enqueue(item: I, deadline: number | undefined, begun: (settle: Waiting<I, O>["settle"]) => () => void): Promise<Batched<O>> {
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      let settled = false;
      const entry: Waiting<I, O> = {
        item,
        since: performance.now(),
        settle: (outcome) => {
          if (settled) return;
          settled = true;
          this.waiting.delete(entry);
          clearTimeout(timer);
          ended();
          if ("error" in outcome) reject(outcome.error as Error);
          else resolve(outcome);
          if (--this.open === 0) for (const done of this.idle.splice(0)) done();
        },
      };
      const ended = begun(entry.settle);
      this.open++;
      this.waiting.add(entry);
      if (deadline !== undefined) {
        const late = () =>
          entry.settle({
            error: new EngineError("deadline_exceeded", "deadline — expected an answer in time, got none. Allow more time."),
          });
        timer = setTimeout(late, Math.max(0, deadline - Date.now()));
      }
    });
  }

  private pump(): void {
    clearTimeout(this.timer);
    const { maxBatch, maxQueueDelayMs, slots, gatherMs = 0, coming = () => 0 } = this.options;
    while (this.running < slots()) {
      const [oldest] = this.waiting;
      if (oldest === undefined) return;
      const age = performance.now() - oldest.since;
      const patience = coming() > 0 ? Math.max(gatherMs, maxQueueDelayMs) : maxQueueDelayMs;
      if (this.waiting.size < maxBatch && age < patience && !this.closed) {
        this.timer = setTimeout(() => this.pump(), patience - age);
        return;
      }
      const batch: Waiting<I, O>[] = [];
      for (const entry of this.waiting) {
        if (batch.length === maxBatch) break;
        batch.push(entry);
        this.waiting.delete(entry);
      }
      void this.dispatch(batch);
    }
  }

  private async dispatch(batch: readonly Waiting<I, O>[]): Promise<void> {
    this.running++;
    const started = performance.now();
    try {
      const values = await this.run(batch.map((entry) => entry.item));
      if (values.length !== batch.length) throw new RangeError(`a batch of ${batch.length} gave ${values.length} answers.`);
      for (const [i, entry] of batch.entries()) entry.settle({ value: nth(values, i), queueMs: started - entry.since });
      const each = (performance.now() - started) / batch.length;
      this.pace = this.pace === 0 ? each : 0.8 * this.pace + 0.2 * each;
    } catch (error) {
      for (const entry of batch) entry.settle({ error });
    } finally {
      this.running--;
      this.pump();
    }
  }

  /** seconds until what waits now should be done, 1 to 60 */
  private retryAfter(): number {
    const seconds = (this.pace * this.waiting.size) / Math.max(1, this.options.slots()) / 1000;
    return Math.min(60, Math.max(1, Math.ceil(seconds)));
  }
}

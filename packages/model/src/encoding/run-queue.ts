// Runs asynchronous jobs in the order they came, at most `concurrency` at a time. A failed job does not stop the next.

/** Lets at most `concurrency` tasks run at once, the others in order of arrival. */
export class RunQueue {
  readonly concurrency: number;
  private readonly waiting: (() => void)[] = [];
  private running = 0;

  constructor(concurrency = 1) {
    this.concurrency = concurrency;
  }

  /** Resolves or rejects as the job does. A job whose signal aborts before its turn is never started. */
  async run<T>(job: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (this.running >= this.concurrency) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.running++;
    try {
      signal?.throwIfAborted();
      return await job();
    } finally {
      const next = this.waiting.shift();
      if (next !== undefined) next();
      else this.running--;
    }
  }
}

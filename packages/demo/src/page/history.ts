// What a person did, step by step, to be taken back and done again. A step knows how; this only keeps the order.

export interface Step {
  /** e.g. "the label of scan-2.png": what is taken back */
  readonly what: string;
  undo(): void | Promise<void>;
  redo(): void | Promise<void>;
}

/** Steps kept: older ones are forgotten. */
const MOST_STEPS = 500;

export class History {
  private readonly done: Step[] = [];
  private readonly undone: Step[] = [];

  /** A step that was just taken; what was taken back before it cannot be done again. */
  add(step: Step): void {
    this.done.push(step);
    if (this.done.length > MOST_STEPS) this.done.shift();
    this.undone.length = 0;
  }

  /** What `undo` would take back. */
  get last(): string | undefined {
    return this.done.at(-1)?.what;
  }

  /** What `redo` would do again. */
  get next(): string | undefined {
    return this.undone.at(-1)?.what;
  }

  /** Takes the last step back; undefined where there is none. */
  async undo(): Promise<string | undefined> {
    const step = this.done.pop();
    if (step === undefined) return undefined;
    this.undone.push(step);
    await step.undo();
    return step.what;
  }

  async redo(): Promise<string | undefined> {
    const step = this.undone.pop();
    if (step === undefined) return undefined;
    this.done.push(step);
    await step.redo();
    return step.what;
  }
}

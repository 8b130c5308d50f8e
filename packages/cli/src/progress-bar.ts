// A progress bar for stderr: done/total, rate over the last seconds, time left. Drawn only on a terminal, at most ten times a second.
// It knows nothing of the work; Terminal clears it before other lines are printed.

import { nth } from "@biovlm/files";

/** Handed out by `terminal.progress()`; does nothing when stderr is no terminal or with --quiet. */
export interface Progress {
  /** `n` more units are done. */
  advance(n?: number): void;
  /** `n` units needed no work: they count as done, but not in the rate. */
  skip(n: number): void;
  /** Changes the text at the end of the line. */
  label(text: string): void;
  /** Removes the bar. Idempotent. */
  end(): void;
}

export interface BarSink {
  columns(): number;
  draw(line: string): void;
  clear(): void;
}

const WINDOW_MS = 8000;
const INTERVAL_MS = 100;

export class ProgressBar implements Progress {
  readonly #sink: BarSink;
  readonly #title: string;
  readonly #total: number;
  readonly #unit: string;
  readonly #now: () => number;
  #done = 0;
  #skipped = 0;
  #label = "";
  #ended = false;
  #drawnAt = Number.NEGATIVE_INFINITY;
  /** (time, work done) pairs, oldest first, spanning the rate's window. */
  #samples: [number, number][];

  constructor(sink: BarSink, title: string, total: number, unit: string, now: () => number = () => performance.now()) {
    this.#sink = sink;
    this.#title = title;
    this.#total = total;
    this.#unit = unit;
    this.#now = now;
    this.#samples = [[now(), 0]];
    this.redraw(true);
  }

  advance(n = 1): void {
    this.#done += n;
    this.redraw();
  }

  skip(n: number): void {
    this.#skipped += n;
    this.redraw();
  }

  label(text: string): void {
    this.#label = text;
    this.redraw();
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#sink.clear();
  }

  /** Draws now when `force`, else when the last drawing is old enough. */
  redraw(force = false): void {
    const now = this.#now();
    if (this.#ended || (!force && now - this.#drawnAt < INTERVAL_MS)) return;
    this.#drawnAt = now;
    this.#samples.push([now, this.#done]);
    while (this.#samples.length > 2 && now - nth(this.#samples, 0)[0] > WINDOW_MS) this.#samples.shift();
    this.#sink.draw(this.line(now));
  }

  /** The line as drawn, at most one column less than the terminal is wide. */
  line(now = this.#now()): string {
    const [since, before] = nth(this.#samples, 0);
    const rate = now > since ? ((this.#done - before) * 1000) / (now - since) : 0;
    const done = this.#done + this.#skipped;
    const left = rate > 0 ? (this.#total - done) / rate : Number.NaN;
    const share = this.#total > 0 ? Math.min(1, done / this.#total) : 1;
    const width = 24;
    const filled = Math.round(share * width);
    const parts = [
      `${this.#title} ${"█".repeat(filled)}${"░".repeat(width - filled)}`,
      `${done}/${this.#total} ${this.#unit}`,
      rate > 0 ? `${rate >= 10 ? Math.round(rate) : rate.toFixed(1)}/s` : "",
      Number.isFinite(left) && left > 0 ? `${duration(left)} left` : "",
      this.#label,
    ];
    return parts
      .filter((part) => part !== "")
      .join("  ")
      .slice(0, Math.max(10, this.#sink.columns() - 1));
  }
}

/** Seconds → "42 s", "3 min 05 s", "2 h 10 min". */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, "0")} s`;
  return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")} min`;
}

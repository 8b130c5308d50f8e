// Log lines on a descriptor, written one after another beside the server's work. A disk that is full, or a reader that is slow or gone, costs lines,
// which are counted, and never the server: its answers do not hang on its log.

import { write, writeSync } from "node:fs";
import { systemCode } from "@biovlm/files/node";

/** Lines that wait for a slow reader; more are lost. */
const MOST_BYTES = 4 * 1024 * 1024;
/** How long a reader that takes nothing is waited for before the next try, milliseconds. */
const PAUSE_MS = 50;
const LINE_END = 10;

/** Where a logger writes. */
export interface LogOutput {
  /** lines that could not be written, in all */
  readonly lost: number;
  /** @param line with its end */
  write(line: string): void;
}

/** As much of `fs.write` as is asked for. */
export type Write = (
  descriptor: number,
  bytes: Buffer,
  at: number,
  length: number,
  position: null,
  done: (error: Error | null, written?: number) => void,
) => void;

/**
 * Opens nothing: the descriptor is the caller's. What waits at the end of the process is tried once more.
 * @param descriptor standard output unless said
 */
export function logOutput(descriptor = 1, by: Write = write): LogOutput {
  return new DescriptorLog(descriptor, by);
}

/** What is being written: what is told of lost lines, then lines. */
interface Batch {
  readonly bytes: Buffer;
  /** where the lines begin */
  readonly from: number;
}

class DescriptorLog implements LogOutput {
  lost = 0;
  private readonly descriptor: number;
  private readonly by: Write;
  private begun = false;
  private waiting: Buffer[] = [];
  /** bytes that wait or are being written */
  private held = 0;
  private busy = false;
  /** lost since that was last told */
  private untold = 0;
  /** the last line that was written lacks its end */
  private torn = false;

  constructor(descriptor: number, by: Write) {
    this.descriptor = descriptor;
    this.by = by;
  }

  write(line: string): void {
    if (!this.begun) process.once("exit", () => this.writeRest());
    this.begun = true;
    const bytes = Buffer.from(line);
    if (this.held + bytes.length > MOST_BYTES) {
      this.lose(1);
      return;
    }
    this.held += bytes.length;
    this.waiting.push(bytes);
    this.next();
  }

  private next(): void {
    if (this.busy || this.waiting.length === 0) return;
    this.busy = true;
    this.put(this.taken(), 0);
  }

  private taken(): Batch {
    const told = this.untold === 0 ? "" : `${JSON.stringify({ level: 40, time: Date.now(), lost: this.untold, msg: "log lines lost" })}\n`;
    const before = Buffer.from(`${this.torn ? "\n" : ""}${told}`);
    const bytes = Buffer.concat([before, ...this.waiting]);
    this.waiting = [];
    this.held = bytes.length;
    return { bytes, from: before.length };
  }

  /** @param at bytes of the batch that are written */
  private put(batch: Batch, at: number): void {
    const { bytes, from } = batch;
    this.by(this.descriptor, bytes, at, bytes.length - at, null, (error, length = 0) => {
      const end = at + (error === null ? length : 0);
      if (end > at) this.torn = bytes[end - 1] !== LINE_END;
      if (at < from && end >= from) this.untold = 0;
      if (error === null && end < bytes.length) return this.put(batch, end);
      if (error !== null && ["EAGAIN", "EBUSY"].includes(systemCode(error))) {
        setTimeout(() => this.put(batch, at), PAUSE_MS).unref();
        return;
      }
      this.lose(linesIn(bytes.subarray(Math.max(end, from))));
      this.held -= bytes.length;
      this.busy = false;
      this.next();
    });
  }

  private lose(lines: number): void {
    this.lost += lines;
    this.untold += lines;
  }

  private writeRest(): void {
    if (this.waiting.length === 0) return;
    try {
      writeSync(this.descriptor, this.taken().bytes);
    } catch {
      // nobody is left to hear of it
    }
  }
}

function linesIn(bytes: Uint8Array): number {
  let lines = 0;
  for (const byte of bytes) if (byte === LINE_END) lines++;
  return lines;
}

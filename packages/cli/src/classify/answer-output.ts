// Where answers of `classify` go: a JSON array, a JSON object a line, or text for a person. What failed is told in the same place, and counted.

import type { FailedPath } from "../image-files.js";
import { printable, type Terminal } from "../terminal.js";

/** How answers are printed. */
export interface OutputChoice {
  readonly json: boolean;
  readonly jsonl: boolean;
}

/** Answers of one call, in order. */
export class AnswerOutput {
  /** images and frames without an answer, or without the report that was asked for */
  bad = 0;
  /** answers told */
  answered = 0;
  readonly machine: boolean;
  private readonly terminal: Terminal;
  private readonly choice: OutputChoice;
  private count = 0;

  constructor(terminal: Terminal, choice: OutputChoice) {
    this.terminal = terminal;
    this.choice = choice;
    this.machine = choice.json || choice.jsonl;
  }

  /** An answer: `element` for a machine, the lines for a person. */
  put(element: object, lines: () => readonly string[]): Promise<void> {
    this.answered++;
    return this.print(element, lines);
  }

  /** What is no answer, and no failure: a series without a slice. */
  told(element: object, lines: () => readonly string[]): Promise<void> {
    return this.print(element, lines);
  }

  private async print(element: object, lines: () => readonly string[]): Promise<void> {
    if (!this.machine) return this.terminal.line(lines().join("\n"));
    const text = JSON.stringify(element);
    if (this.choice.jsonl) await this.terminal.line(text);
    else await this.terminal.write(`${this.count === 0 ? "[\n" : ",\n"}${text}`);
    this.count++;
  }

  /** An image, or a frame of one, without an answer. */
  async failed(
    file: string,
    error: FailedPath["error"],
    { sha256, frame }: { readonly sha256?: string; readonly frame?: number } = {},
  ): Promise<void> {
    this.bad++;
    const element = { file, ...(sha256 === undefined ? {} : { sha256 }), ...(frame === undefined ? {} : { frame }), error };
    const what = `${printable(file)}${frame === undefined ? "" : ` frame ${frame}`}`;
    if (this.machine) await this.print(element, () => []);
    else this.terminal.error(`${what}: error[${error.code}]: ${printable(error.message)}`);
  }

  async end(): Promise<void> {
    if (this.choice.json) await this.terminal.line(this.count === 0 ? "[]" : "\n]");
  }
}

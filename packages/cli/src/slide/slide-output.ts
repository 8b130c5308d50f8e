// What `slide` prints: tiles as they are answered and the slide at the end, as JSON, as a table, or as text for a person, who is told the slide
// alone. Counts what was answered and what was not.

import type { FailedPath } from "../image-files.js";
import { printable, type Terminal } from "../terminal.js";

/** How answers are printed. */
export interface SlideOutputChoice {
  readonly json: boolean;
  readonly jsonl: boolean;
  readonly csv: boolean;
}

/** A tile as it is told. */
export interface ToldTile {
  /** upper left corner and side, in pixels of level 0 */
  readonly x: number;
  readonly y: number;
  readonly side: number;
  readonly level: number;
  readonly micronsPerPixel?: number;
  readonly tissue: number;
}

const quoted = (text: string) => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** Answers of one slide, in order. */
export class SlideOutput {
  answered = 0;
  bad = 0;
  private readonly terminal: Terminal;
  private readonly choice: SlideOutputChoice;
  private readonly classes: readonly string[];
  private printed = 0;

  /** @param classes in the order of the table's columns */
  constructor(terminal: Terminal, choice: SlideOutputChoice, classes: readonly string[]) {
    this.terminal = terminal;
    this.choice = choice;
    this.classes = classes;
  }

  /** A tile's answer. */
  async tile(
    slide: string,
    tile: ToldTile,
    answer: { readonly predictions: readonly { readonly class: string; readonly probability: number }[]; readonly kept: readonly object[] },
  ): Promise<void> {
    this.answered++;
    const { predictions, kept } = answer;
    if (!this.choice.csv) return this.machine({ slide, tile, predictions, kept });
    if (this.answered === 1) {
      const heads = ["slide", "x", "y", "side", "level", "microns_per_pixel", "tissue", ...this.classes];
      await this.terminal.line(heads.map(quoted).join(","));
    }
    const of = new Map(predictions.map(({ class: name, probability }) => [name, probability]));
    const { x, y, side, level, micronsPerPixel = "", tissue } = tile;
    const cells = [quoted(slide), x, y, side, level, micronsPerPixel, tissue, ...this.classes.map((name) => of.get(name) ?? "")];
    await this.terminal.line(cells.join(","));
  }

  /** A tile without an answer. */
  async failed(slide: string, tile: ToldTile, error: FailedPath["error"]): Promise<void> {
    this.bad++;
    if (this.choice.json || this.choice.jsonl) return this.machine({ slide, tile, error });
    this.terminal.error(`${printable(slide)} at ${tile.x}, ${tile.y}: error[${error.code}]: ${printable(error.message)}`);
  }

  /** The slide: `element` for a machine, the lines for a person; beside a table they go to stderr. */
  async end(element: object, lines: readonly string[]): Promise<void> {
    await this.machine(element);
    if (this.choice.json) await this.terminal.line("\n]");
    else if (this.choice.csv) for (const line of lines) this.terminal.note(line);
    else if (!this.choice.jsonl) await this.terminal.line(lines.join("\n"));
  }

  private async machine(element: object): Promise<void> {
    const text = JSON.stringify(element);
    if (this.choice.jsonl) await this.terminal.line(text);
    else if (this.choice.json) await this.terminal.write(`${this.printed++ === 0 ? "[\n" : ",\n"}${text}`);
  }
}

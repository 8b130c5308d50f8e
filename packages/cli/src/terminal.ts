// The two streams of a command: data on stdout, everything said to a person on stderr. Colours, quiet, progress, back-pressure.

import type { Writable } from "node:stream";
import pc from "picocolors";
import { type BarSink, type Progress, ProgressBar } from "./progress-bar.js";

/** A stream as Node gives it; `isTTY` and `columns` exist on terminals. */
export type OutputStream = Writable & { readonly isTTY?: boolean; readonly columns?: number };

/** The line that stands wherever a person meets a result. */
export const RESEARCH_USE = "Research use only, not a medical device.";

export type Palette = ReturnType<typeof pc.createColors>;

export interface Terminal {
  /** Colours of stdout; plain functions where colour is off. */
  readonly out: Palette;
  /** Columns of stdout, 80 where it is no terminal. */
  readonly columns: number;
  readonly quiet: boolean;
  /** Data. Resolves when the stream can take more, so that a slow reader holds the producer back. */
  write(text: string): Promise<void>;
  /** write(text + "\n"). */
  line(text?: string): Promise<void>;
  /** A remark on stderr, not with --quiet. */
  note(text: string): void;
  /** "warning: …" on stderr, not with --quiet. */
  warn(text: string): void;
  /** On stderr, always. */
  error(text: string): void;
  /** A bar on stderr when it is a terminal and not --quiet; else an object that does nothing. */
  progress(title: string, total: number, unit?: string): Progress;
}

const SILENT: Progress = { advance() {}, skip() {}, label() {}, end() {} };

/** FORCE_COLOR beats NO_COLOR beats what the stream is. */
export function wantsColor(stream: { readonly isTTY?: boolean }, env: Readonly<Record<string, string | undefined>>): boolean {
  const force = env["FORCE_COLOR"];
  if (force !== undefined && force !== "") return force !== "0" && force !== "false";
  if (env["NO_COLOR"] !== undefined && env["NO_COLOR"] !== "") return false;
  return stream.isTTY === true && env["TERM"] !== "dumb";
}

/** Makes a terminal over two streams. */
export function createTerminal(
  stdout: OutputStream,
  stderr: OutputStream,
  options: { readonly env: Readonly<Record<string, string | undefined>>; readonly quiet: boolean },
): Terminal {
  const errColors = pc.createColors(wantsColor(stderr, options.env));
  let bar: ProgressBar | undefined;
  const sink: BarSink = {
    columns: () => stderr.columns || 80,
    draw: (line) => void stderr.write(`\r${errColors.cyan(line)}\u001b[K`),
    clear: () => {
      stderr.write("\r\u001b[K");
      bar = undefined;
    },
  };
  const say = (text: string) => {
    if (bar === undefined) stderr.write(`${text}\n`);
    else {
      stderr.write(`\r\u001b[K${text}\n`);
      bar.redraw(true);
    }
  };
  const write = async (text: string) => {
    if (stdout.destroyed || stdout.write(text)) return;
    await new Promise<void>((resolve) => {
      const settle = () => {
        stdout.off("drain", settle);
        stdout.off("close", settle);
        resolve();
      };
      stdout.once("drain", settle);
      stdout.once("close", settle);
    });
  };
  return {
    out: pc.createColors(wantsColor(stdout, options.env)),
    columns: stdout.columns || 80,
    quiet: options.quiet,
    write,
    line: (text = "") => write(`${text}\n`),
    note: (text) => {
      if (!options.quiet) say(text);
    },
    warn: (text) => {
      if (!options.quiet) say(`${errColors.yellow("warning:")} ${text}`);
    },
    error: say,
    progress: (title, total, unit = "images") => {
      if (options.quiet || stderr.isTTY !== true) return SILENT;
      bar?.end();
      bar = new ProgressBar(sink, title, total, unit);
      return bar;
    },
  };
}

/** Text from outside (file names, messages) made safe for a terminal: controls and direction overrides become \xNN or \u{NNNN}. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, (c) => {
    const code = c.charCodeAt(0);
    return code < 256 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
  });
}

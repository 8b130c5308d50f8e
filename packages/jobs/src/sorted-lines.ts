// More lines than memory takes, in order: runs that fit are sorted and lie in a folder of their own until they are merged. What is held does not
// depend on how many lines there are. The folder is readable by this user alone, and goes at the end; what a killed process left is
// removed by `sweepOwnFolders`.

import { once } from "node:events";
import { createReadStream, createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileFailure, type OwnFolder, ownFolder } from "@biovlm/files/node";

/** How much is held, and where the rest lies. */
export interface SortLimits {
  /** the folder that a folder of runs is made in; default the system's for temporary files */
  readonly place?: string;
  /** characters of a run; default 16 MiB. A longer line is a run of its own. */
  readonly runChars?: number;
  /** runs that are merged at once, ≥ 2; default 64 */
  readonly fanIn?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Lines to be sorted by code units. Added first, all of them; then read once. */
export class LineSorter {
  private readonly limits: Required<Omit<SortLimits, "signal">>;
  private readonly signal: AbortSignal | undefined;
  private folder: OwnFolder | undefined;
  /** files of sorted lines; older ones hold more */
  private runs: string[] = [];
  private lines: string[] = [];
  private chars = 0;
  private made = 0;

  constructor({ runChars = 16 * 2 ** 20, fanIn = 64, place = tmpdir(), signal }: SortLimits = {}) {
    this.limits = { runChars, fanIn, place };
    this.signal = signal;
  }

  /** @param line without a line break. @throws FilesError `disk_full`, `not_permitted`, `io_error`; the signal's reason */
  async add(line: string): Promise<void> {
    this.lines.push(line);
    this.chars += line.length;
    if (this.chars >= this.limits.runChars) await this.flush();
  }

  /** All lines, in order. @throws as `add` does */
  async *sorted(): AsyncGenerator<string, void, undefined> {
    const rest = this.lines.sort();
    this.lines = [];
    yield* merged([...this.runs.map(linesOf), [rest].values()], this.signal);
  }

  /** Removes what lies on the disk. To be called whatever happened. */
  async close(): Promise<void> {
    await this.folder?.close();
    this.folder = undefined;
  }

  private async flush(): Promise<void> {
    const run = this.lines.sort();
    this.lines = [];
    this.chars = 0;
    this.runs.push(await this.written(run));
    if (this.runs.length < this.limits.fanIn) return;
    const merging = this.runs;
    this.runs = [await this.written(merged(merging.map(linesOf), this.signal))];
    for (const file of merging) await rm(file, { force: true });
  }

  private async written(lines: Iterable<string> | AsyncIterable<string>): Promise<string> {
    this.signal?.throwIfAborted();
    try {
      this.folder ??= await ownFolder(this.limits.place);
      const file = join(this.folder.path, `${this.made++}.run`);
      const out = createWriteStream(file, { mode: 0o600 });
      const ended = once(out, "close");
      ended.catch(() => {});
      let text = "";
      for await (const line of lines) {
        text += `${line}\n`;
        if (text.length < BLOCK) continue;
        if (!out.write(text)) await Promise.race([once(out, "drain"), ended]);
        text = "";
      }
      out.end(text);
      await ended;
      return file;
    } catch (error) {
      this.signal?.throwIfAborted();
      throw fileFailure(error, `writing what is sorted below ${this.limits.place}`);
    }
  }
}

const BLOCK = 64 * 1024;

/** Blocks of lines of a file. */
async function* linesOf(file: string): AsyncGenerator<string[]> {
  let rest: string[] = [];
  for await (const chunk of createReadStream(file, { encoding: "utf8", highWaterMark: BLOCK })) {
    const lines = String(chunk).split("\n");
    rest.push(lines[0] ?? "");
    if (lines.length === 1) continue;
    const last = lines.pop() ?? "";
    lines[0] = rest.join("");
    rest = [last];
    yield lines;
  }
}

/** One run, at its next line. */
interface Cursor {
  line: string;
  lines: readonly string[];
  at: number;
  readonly blocks: Iterator<readonly string[]> | AsyncIterator<readonly string[]>;
}

/** False where the run has no more lines. */
async function advance(cursor: Cursor): Promise<boolean> {
  while (cursor.at >= cursor.lines.length) {
    const { done, value } = await cursor.blocks.next();
    if (done) return false;
    cursor.lines = value;
    cursor.at = 0;
  }
  cursor.line = cursor.lines[cursor.at++] ?? "";
  return true;
}

async function* merged(runs: readonly Cursor["blocks"][], signal: AbortSignal | undefined): AsyncGenerator<string, void, undefined> {
  /** by their lines, the next one last */
  const cursors: Cursor[] = [];
  const insert = (cursor: Cursor) => {
    let [low, high] = [0, cursors.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((cursors[middle] as Cursor).line > cursor.line) low = middle + 1;
      else high = middle;
    }
    cursors.splice(low, 0, cursor);
  };
  for (const blocks of runs) {
    const cursor: Cursor = { line: "", lines: [], at: 0, blocks };
    if (await advance(cursor)) insert(cursor);
  }
  try {
    for (let cursor = cursors.pop(); cursor !== undefined; cursor = cursors.pop()) {
      yield cursor.line;
      // nothing is waited for within a block
      if (cursor.at < cursor.lines.length) {
        cursor.line = cursor.lines[cursor.at++] ?? "";
        insert(cursor);
      } else {
        signal?.throwIfAborted();
        if (await advance(cursor)) insert(cursor);
      }
    }
  } finally {
    for (const { blocks } of cursors) await blocks.return?.(undefined);
  }
}

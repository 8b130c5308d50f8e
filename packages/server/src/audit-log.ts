// A record of answers that shows whether it was changed: JSON lines, each with the sha256 of the line before. Opt-in. It holds digests, names of
// models, banks and keys, and classes: never a file name, an address or an image. Who holds the file can still cut its end; keep the last
// hash elsewhere (`head`) to see that too.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { createInterface } from "node:readline";
import { parseStrictJson } from "@biovlm/files";
import { ServerError } from "./errors.js";

/** One answered request. */
export interface AuditRecord {
  readonly request: string;
  readonly route: string;
  readonly status: number;
  /** name of the key, not the key */
  readonly key?: string;
  readonly model?: string;
  readonly modelDigest?: string;
  readonly bankDigest?: string;
  readonly device?: string;
  readonly images?: readonly { readonly sha256: string; readonly class?: string; readonly probability?: number; readonly error?: string }[];
}

/** An append-only log of answers; each line carries the hash of the one before. */
export interface AuditLog {
  /** hash of the last line, hex */
  readonly head: string;
  /**
   * Resolves when the line is in the file. Lines are written in the order of the calls. Rejects where it cannot be written: what was written of it is
   * taken back and the next is tried; where even that fails, every later one rejects.
   */
  append(record: AuditRecord): Promise<void>;
  close(): Promise<void>;
}

/** What the check of an audit log found. */
export interface AuditReport {
  readonly ok: boolean;
  readonly lines: number;
  readonly head: string;
  /** first line that does not follow from the one before, from 1 */
  readonly brokenAt?: number;
  readonly reason?: string;
}

/** What the first line names as the one before. */
const GENESIS = "0".repeat(64);
const MAX_LINE = 1_000_000;

const hash = (line: string) => createHash("sha256").update(line).digest("hex");

/**
 * Opens a log and goes on where it ends. A line torn by a crash is closed off and noted, not removed.
 * @throws ServerError `conflict` when what is there does not verify: a log that was changed is not continued
 */
export async function openAuditLog(path: string): Promise<AuditLog> {
  const file = await open(path, "a", 0o600);
  let head: string;
  let seq: number;
  try {
    const found = await verifyAuditLog(path);
    const torn = found.reason === TORN;
    if (!found.ok && !torn) {
      throw new ServerError(
        "conflict",
        `audit log — expected a whole chain, got a break at line ${found.brokenAt}: ${found.reason}. Keep the file and begin another.`,
      );
    }
    head = found.head;
    seq = found.lines;
    if (torn) await cutTorn(path, found.brokenAt!);
  } catch (error) {
    await file.close();
    throw error;
  }
  let { size: length } = await file.stat();
  let broken: unknown;
  let tail: Promise<void> = Promise.resolve();
  const write = async (record: AuditRecord): Promise<void> => {
    if (broken !== undefined) throw new Error("audit log — expected a whole line at its end, got a torn one. Restart.", { cause: broken });
    const line = JSON.stringify({ seq: seq + 1, time: new Date().toISOString(), ...record, previous: head });
    try {
      await file.appendFile(`${line}\n`);
    } catch (error) {
      // what a full disk took of the line goes again, or the next one would follow half of it
      await file.truncate(length).catch(() => {
        broken = error;
      });
      throw error;
    }
    length += Buffer.byteLength(line) + 1;
    head = hash(line);
    seq++;
  };
  return {
    get head() {
      return head;
    },
    append(record) {
      const written = tail.then(() => write(record));
      // a failure is this line's to tell; the next line is still tried
      tail = written.catch(() => {});
      return written;
    },
    async close() {
      await tail;
      await file.sync();
      await file.close();
    },
  };
}

const TORN = "a line cut short at the end";

/** Reads a log through. Never throws for what is in it; rejects where the file cannot be read. */
export async function verifyAuditLog(path: string): Promise<AuditReport> {
  let previous = GENESIS;
  let count = 0;
  const stream = createReadStream(path, { encoding: "utf8" });
  let last = "\n";
  stream.on("data", (chunk) => {
    last = String(chunk).slice(-1);
  });
  let broken: string | undefined;
  for await (const line of createInterface({ input: stream, crlfDelay: 0 })) {
    if (broken !== undefined) break;
    broken = fault(line, count + 1, previous);
    if (broken === undefined) {
      previous = hash(line);
      count++;
    }
  }
  stream.destroy();
  if (broken === undefined && last === "\n") return { ok: true, lines: count, head: previous };
  if (broken === undefined) return { ok: false, lines: count - 1, head: previous, brokenAt: count, reason: "the last line has no end" };
  const isLast = last !== "\n" && (await lineCount(path)) === count + 1;
  return { ok: false, lines: count, head: previous, brokenAt: count + 1, reason: isLast ? TORN : broken };
}

function fault(line: string, seq: number, previous: string): string | undefined {
  if (line.length > MAX_LINE) return "a line longer than any record";
  let record: { readonly seq?: unknown; readonly previous?: unknown };
  try {
    record = parseStrictJson(line, "audit record") as typeof record;
  } catch {
    return "a line that is no JSON";
  }
  if (typeof record !== "object" || record === null) return "a line that is no record";
  if (record.seq !== seq) return `expected record ${seq}, got ${String(record.seq).slice(0, 20)}`;
  if (record.previous !== previous) return "the hash of the line before is another";
  return undefined;
}

async function lineCount(path: string): Promise<number> {
  let lines = 0;
  for await (const _ of createInterface({ input: createReadStream(path), crlfDelay: 0 })) lines++;
  return lines;
}

/** Moves the torn end into a file of its own beside the log. */
async function cutTorn(path: string, lineNumber: number): Promise<void> {
  const handle = await open(path, "r+");
  try {
    const bytes = await handle.readFile();
    let at = 0;
    for (let n = 1; n < lineNumber; n++) at = bytes.indexOf(10, at) + 1;
    const aside = await open(`${path}.torn-${hash(bytes.subarray(at).toString("latin1")).slice(0, 8)}`, "w", 0o600);
    await aside.writeFile(bytes.subarray(at));
    await aside.close();
    await handle.truncate(at);
  } finally {
    await handle.close();
  }
}

// The chain of an audit log: JSON lines, each with the hash of the line before; with a key the hash is an HMAC, so that who has no key cannot
// write the chain anew. What is read here is checked, never mended. A log may lie in several files, one after another (rotation).

import { createHash, createHmac } from "node:crypto";
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { parseStrictJson } from "@biovlm/files";
import { ServerError } from "./errors.js";

/** What the check of an audit log found. */
export interface AuditReport {
  readonly ok: boolean;
  /** the last record's number: of a whole log, how many there are */
  readonly lines: number;
  /** hash of the last line, hex */
  readonly head: string;
  /** first line that does not follow from the one before, from 1 over all files */
  readonly brokenAt?: number;
  readonly reason?: string;
}

/** How a log is checked. */
export interface AuditCheck {
  /** the key that its lines were hashed with */
  readonly key?: Uint8Array | undefined;
  /** the hash that must be the last, or one of those that were: kept elsewhere, it shows that an end was cut off */
  readonly head?: string | undefined;
  /** take a file that goes on from an earlier one, without that one */
  readonly continued?: boolean;
}

/** What the first line names as the one before. */
export const GENESIS = "0".repeat(64);
const MAX_LINE = 1_000_000;
/** Why a last line without its end does not verify. */
export const TORN = "a line cut short at the end";

/** Hash of a line, hex. */
export function lineHash(line: string, key: Uint8Array | undefined): string {
  return (key === undefined ? createHash("sha256") : createHmac("sha256", key)).update(line).digest("hex");
}

/** A key file's content: 16 bytes at least. @throws ServerError `bad_option` */
export function auditKey(bytes: Uint8Array): Uint8Array {
  if (bytes.length < 16 || bytes.length > 4096) {
    throw new ServerError(
      "bad_option",
      `audit key — expected 16 to 4096 bytes, got ${bytes.length}. Make one: openssl rand -hex 32 > FILE.`,
    );
  }
  return bytes;
}

/** A line as it is read. */
interface Line {
  readonly seq?: unknown;
  readonly previous?: unknown;
  /** the first of a file that goes on from another */
  readonly continues?: unknown;
}

/** A record, or why there is none. */
function recordOf(line: string): Line | string {
  if (line.length > MAX_LINE) return "a line longer than any record";
  try {
    const record = parseStrictJson(line, "audit record");
    return typeof record === "object" && record !== null ? (record as Line) : "a line that is no record";
  } catch {
    return "a line that is no JSON";
  }
}

function fault(record: Line | string, seq: number, previous: string): string | undefined {
  if (typeof record === "string") return record;
  if (record.continues === true && seq === 1) return "it goes on from an earlier file: name that one first";
  if (record.seq !== seq) return `expected record ${seq}, got ${String(record.seq).slice(0, 20)}`;
  if (record.previous !== previous) return "the hash of the line before is another: changed, cut, or hashed with another key";
  return undefined;
}

/** Lines of a file, and whether each has its end. */
async function* linesOf(path: string): AsyncGenerator<{ readonly line: string; readonly whole: boolean }> {
  const stream = createReadStream(path, { encoding: "utf8" });
  let last = "\n";
  stream.on("data", (chunk) => {
    last = String(chunk).slice(-1);
  });
  let held: string | undefined;
  try {
    for await (const line of createInterface({ input: stream, crlfDelay: 0 })) {
      if (held !== undefined) yield { line: held, whole: true };
      held = line;
    }
    if (held !== undefined) yield { line: held, whole: last === "\n" };
  } finally {
    stream.destroy();
  }
}

/** Reads a log through, over its files in order. Never throws for what is in them; rejects where one cannot be read. */
export async function verifyAuditLog(
  paths: string | readonly string[],
  { key, head, continued = false }: AuditCheck = {},
): Promise<AuditReport> {
  let previous = GENESIS;
  let count = 0;
  let begun = false;
  let headSeen = head === GENESIS;
  for (const path of typeof paths === "string" ? [paths] : paths) {
    for await (const { line, whole } of linesOf(path)) {
      const record = recordOf(line);
      if (continued && !begun && typeof record !== "string" && record.continues === true && Number.isSafeInteger(record.seq)) {
        count = Number(record.seq) - 1;
        previous = String(record.previous);
      }
      begun = true;
      const broken = whole ? fault(record, count + 1, previous) : TORN;
      if (broken !== undefined) return { ok: false, lines: count, head: previous, brokenAt: count + 1, reason: broken };
      previous = lineHash(line, key);
      headSeen ||= previous === head;
      count++;
    }
  }
  if (head !== undefined && !headSeen) {
    return {
      ok: false,
      lines: count,
      head: previous,
      brokenAt: count + 1,
      reason: "the hash that was kept is none of this log's: lines were cut off, or it was written anew",
    };
  }
  return { ok: true, lines: count, head: previous };
}

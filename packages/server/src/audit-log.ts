// A record of answers that shows whether it was changed (audit-chain.ts). Opt-in. It holds digests, names of models, banks and keys, and
// classes: never a file name, an address or an image. What could not be written was not said: a line is whole in the file, or the file is as
// before. Who holds the file can still cut its end; keep the last hash elsewhere (`head`) to see that, too.

import { type FileHandle, open, stat } from "node:fs/promises";
import { withLock } from "@biovlm/files/node";
import { lineHash, TORN, verifyAuditLog } from "./audit-chain.js";
import { ServerError } from "./errors.js";

/** One answered request. */
export interface AuditRecord {
  readonly request: string;
  readonly route: string;
  readonly status: number;
  /** code of a failure */
  readonly error?: string;
  /** name of the key, not the key */
  readonly key?: string;
  readonly model?: string;
  readonly modelDigest?: string;
  readonly bankDigest?: string;
  readonly device?: string;
  /** texts that were embedded, counted */
  readonly texts?: number;
  readonly images?: readonly { readonly sha256: string; readonly class?: string; readonly probability?: number; readonly error?: string }[];
  /** series and files of several frames that were answered as one: the first class, and how many slices it is the mean of */
  readonly volumes?: readonly { readonly slices: number; readonly class?: string; readonly probability?: number }[];
}

/** An append-only log of answers; each line carries the hash of the one before. */
export interface AuditLog {
  /** hash of the last line, hex */
  readonly head: string;
  /** Resolves when the line is in the file. Lines are written in the order of the calls. Rejects where it is not, and the file is as before. */
  append(record: AuditRecord): Promise<void>;
  close(): Promise<void>;
}

/** What a log is written with. */
export interface AuditLogOptions {
  /** lines are hashed with it (HMAC-SHA256) */
  readonly key?: Uint8Array | undefined;
}

/** Where a log stands: its file, how long it is, and what its last line is. */
interface Standing {
  file: FileHandle;
  length: number;
  head: string;
  seq: number;
  /** whether the file goes on from one that was moved away, and holds nothing yet */
  continues: boolean;
  /** a failed write could not be taken back */
  spoiled: boolean;
}

/**
 * Opens a log and goes on where it ends. A line torn by a crash is put aside and noted, not removed. While it is open no other process can
 * open it. A log that is moved away (rotation) is begun anew under its name, and its chain goes on.
 * @throws ServerError `conflict` when what is there does not verify, or another process writes it
 */
export async function openAuditLog(path: string, { key }: AuditLogOptions = {}): Promise<AuditLog> {
  const release = await held(path);
  let standing: Standing;
  try {
    standing = await goOn(path, key);
  } catch (error) {
    await release();
    throw error;
  }
  let tail: Promise<void> = Promise.resolve();
  return {
    get head() {
      return standing.head;
    },
    append(record) {
      const written = tail.then(() => write(standing, path, key, record));
      // a failure is this line's to tell; the next line is still tried
      tail = written.catch(() => {});
      return written;
    },
    async close() {
      await tail;
      await standing.file.sync();
      await standing.file.close();
      await release();
    },
  };
}

/** Takes the lock beside the log, for as long as the process lives. @returns what lets it go */
async function held(path: string): Promise<() => Promise<void>> {
  let letGo = () => {};
  let holding: Promise<void> = Promise.resolve();
  await new Promise<void>((taken, refused) => {
    const work = () =>
      new Promise<void>((done) => {
        letGo = done;
        taken();
      });
    holding = withLock(`${path}.lock`, work, { waitMs: 0 });
    holding.catch(refused);
  }).catch((cause: unknown) => {
    if (!(cause instanceof Error) || Reflect.get(cause, "code") !== "locked") throw cause;
    throw new ServerError(
      "conflict",
      "audit log — expected a log of this server alone, got one that another process writes. Name another file for each server.",
      { cause },
    );
  });
  return async () => {
    letGo();
    await holding;
  };
}

/** Verifies what is there and stands behind its last whole line. */
async function goOn(path: string, key: Uint8Array | undefined): Promise<Standing> {
  const file = await open(path, "a", 0o600);
  try {
    const found = await verifyAuditLog(path, { key, continued: true });
    if (!found.ok && found.reason !== TORN) {
      throw new ServerError(
        "conflict",
        `audit log — expected a whole chain, got a break at line ${found.brokenAt}: ${found.reason}. Keep the file and begin another.`,
      );
    }
    if (!found.ok) await cutTorn(path);
    const { size } = await file.stat();
    return { file, length: size, head: found.head, seq: found.lines, continues: false, spoiled: false };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Writes one line, whole or not at all. */
async function write(standing: Standing, path: string, key: Uint8Array | undefined, record: AuditRecord): Promise<void> {
  if (standing.spoiled) {
    throw new ServerError(
      "not_ready",
      "audit log — expected a file that can be written, got one whose end could not be mended. Make room, then start again.",
    );
  }
  await followRotation(standing, path);
  const { file, length, head, seq, continues } = standing;
  const line = JSON.stringify({ seq: seq + 1, time: new Date().toISOString(), ...record, ...(continues && { continues }), previous: head });
  const bytes = Buffer.from(`${line}\n`);
  try {
    await file.appendFile(bytes);
  } catch (error) {
    // half a line may be there: without it the log is what it was
    await file.truncate(length).catch(() => {
      standing.spoiled = true;
    });
    throw error;
  }
  Object.assign(standing, { length: length + bytes.length, head: lineHash(line, key), seq: seq + 1, continues: false });
}

/** Where the log was moved away, removed or emptied, the file under its name takes the next lines; the chain goes on. Throws `conflict`. */
async function followRotation(standing: Standing, path: string): Promise<void> {
  const [here, named] = await Promise.all([standing.file.stat(), stat(path).catch(() => undefined)]);
  if (named !== undefined && named.ino === here.ino && named.dev === here.dev) {
    if (here.size === standing.length) return;
    // emptied where it lies, as logrotate's copytruncate does: begun anew, and the chain goes on
    if (here.size === 0) {
      Object.assign(standing, { length: 0, continues: standing.seq > 0 });
      return;
    }
    throw new ServerError(
      "conflict",
      "audit log — expected the file as this server left it, got one that somebody else wrote to. Move it away, and start again.",
    );
  }
  const file = await open(path, "a", 0o600);
  const { size } = await file.stat();
  if (size > 0) {
    await file.close();
    throw new ServerError("conflict", "audit log — expected its own file or none, got another file under its name. Move it away.");
  }
  await standing.file.sync();
  await standing.file.close();
  Object.assign(standing, { file, length: 0, continues: standing.seq > 0 });
}

/** Moves the torn end, behind the last whole line, into a file of its own beside the log. */
async function cutTorn(path: string): Promise<void> {
  const handle = await open(path, "r+");
  try {
    const bytes = await handle.readFile();
    const at = bytes.lastIndexOf(10) + 1;
    const aside = await open(`${path}.torn-${lineHash(bytes.subarray(at).toString("latin1"), undefined).slice(0, 8)}`, "w", 0o600);
    await aside.writeFile(bytes.subarray(at));
    await aside.close();
    await handle.truncate(at);
  } finally {
    await handle.close();
  }
}

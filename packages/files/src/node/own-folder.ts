// A folder that goes with the process that made it: for what lies on the disk while it works, closed to other users. Its name says whose it is, so
// that whoever comes later removes what a killed process left, and nothing that one still uses, on this machine or another.

import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { lstat, mkdir, readdir, rm, utimes } from "node:fs/promises";
import { join } from "node:path";
import { fileFailure } from "../file-failure.js";
import { processRuns } from "./atomic-file.js";
import { thisHost } from "./lock.js";

/** `.biovlm-` process id, its start, its host as eight hex digits, and chance. */
const NAME = /^\.biovlm-(\d+)-(\d+)-([0-9a-f]{8})-[0-9a-f]{12}$/;
const BEAT_MS = 60_000;
/** Without a sign of its process for so long a folder of another host, or of a process whose number another one got since, is nobody's. */
const ABANDONED_MS = 86_400_000;

/** A folder of this process. */
export interface OwnFolder {
  readonly path: string;
  /** Removes it with all that is in it. */
  close(): Promise<void>;
}

/** Makes a folder of this process in `parent`, which is made where it is not there. @throws FilesError as `fileFailure` says */
export async function ownFolder(parent: string): Promise<OwnFolder> {
  const path = join(parent, `.biovlm-${process.pid}-${startOf(process.pid)}-${hostDigest()}-${randomBytes(6).toString("hex")}`);
  try {
    await mkdir(parent, { recursive: true });
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    throw fileFailure(error, `making a folder in ${parent}`);
  }
  const beat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => {});
  }, BEAT_MS);
  beat.unref();
  return {
    path,
    async close() {
      clearInterval(beat);
      await rm(path, { recursive: true, force: true });
    },
  };
}

/** Removes folders that processes left in `parent` which are gone. Answers how many. Never throws: what cannot be removed stays. */
export async function sweepOwnFolders(parent: string): Promise<number> {
  let removed = 0;
  for (const name of await readdir(parent).catch(() => [])) {
    const match = NAME.exec(name);
    if (match === null) continue;
    const path = join(parent, name);
    const info = await lstat(path).catch(() => undefined);
    // what looks like one and is somebody else's is let be
    if (info?.isDirectory() !== true || info.uid !== (process.getuid?.() ?? info.uid)) continue;
    const [, pid, start, host] = match;
    const gone = host === hostDigest() && (!processRuns(Number(pid)) || startOf(Number(pid)) !== start);
    if (!gone && Date.now() - info.mtimeMs < ABANDONED_MS) continue;
    const done = await rm(path, { recursive: true, force: true }).then(
      () => true,
      () => false,
    );
    if (done) removed++;
  }
  return removed;
}

const hostDigest = (): string => createHash("sha256").update(thisHost()).digest("hex").slice(0, 8);

/** When a process began, in the system's own count, so that a number that was given away again is told; "0" where the system does not say. */
function startOf(pid: number): string {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    // behind the name in parentheses, which may hold anything: state, then 18 others, then the start
    const start = text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? "";
    return /^\d+$/.test(start) ? start : "0";
  } catch {
    return "0";
  }
}

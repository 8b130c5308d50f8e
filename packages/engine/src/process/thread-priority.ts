// Which threads of an encoding process go first. Its main thread preprocesses and runs the session, one image after the other; decoders, several at
// once, would take most of a small machine from it and then wait for it while a core is idle.

import { readdir } from "node:fs/promises";
import { setPriority } from "node:os";

/** A tenth of the share of a thread at 0 where both want the same core. */
const NICE = 10;

/**
 * Puts Node's worker threads, decoders among them, behind the main thread; those they start inherit it, those the main thread starts (a session's
 * own) do not. Call before a session is opened. On Linux, where priorities are a thread's own; elsewhere it does nothing.
 */
export async function mainThreadFirst(): Promise<void> {
  // this reading is a worker's first task, or a later one: all workers are there
  const threads = await readdir("/proc/self/task").catch(() => []);
  for (const thread of threads.map(Number)) {
    if (thread === process.pid) continue;
    try {
      setPriority(thread, NICE);
    } catch {
      // it ended, or this system forbids it: the order stays as it was
    }
  }
}

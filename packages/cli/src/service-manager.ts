// What a service manager is told of a server (systemd's Type=notify): that it answers, and that it ends. Node opens no datagram socket of the kind
// that NOTIFY_SOCKET names, so systemd's own program says it.

import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** Long enough for a busy machine; a manager that takes no word holds nothing up. */
const PATIENCE_MS = 10_000;

/** States as sd_notify(3) spells them. */
const STATES = {
  ready: ["READY=1", "STATUS=models answer"],
  stopping: ["STOPPING=1", "STATUS=answering what was asked"],
} as const;

/**
 * Tells whoever started this process with NOTIFY_SOCKET; without that variable nobody is told, and nothing is started.
 * @param warn where it cannot be told, which ends nothing
 */
export async function tellManager(
  state: keyof typeof STATES,
  env: Readonly<Record<string, string | undefined>>,
  warn: (text: string) => void,
): Promise<void> {
  const { NOTIFY_SOCKET, PATH } = env;
  if (NOTIFY_SOCKET === undefined || NOTIFY_SOCKET === "") return;
  try {
    await promisify(execFile)("systemd-notify", STATES[state], {
      env: { NOTIFY_SOCKET, ...(PATH === undefined ? {} : { PATH }) },
      timeout: PATIENCE_MS,
    });
  } catch (error) {
    const code: unknown = error instanceof Error ? Reflect.get(error, "code") : undefined;
    const got = code === "ENOENT" ? "no program systemd-notify" : "a failure of systemd-notify";
    warn(`NOTIFY_SOCKET — expected to tell the service manager ${STATES[state][0]}, got ${got}. Install it, or set Type=exec in the unit.`);
  }
}

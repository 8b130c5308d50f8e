// The built program in a process of its own: started, watched, killed.

import { execFileSync, spawn } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ENVIRONMENT } from "./call.js";

const root = join(import.meta.dirname, "../../..");
export const main = join(root, "packages/cli/dist/main.js");

/** Compiles what changed; a stale build would test yesterday's program. */
export function compile(): void {
  execFileSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-b", join(root, "packages/cli")], { cwd: root });
}

const hook = `--import=${pathToFileURL(join(import.meta.dirname, "kill-at.mjs")).href}`;

/** Environment of a run that ends itself by SIGKILL at the n-th file operation on paths that hold `part`. */
export function killedAt(at: { readonly part: string; readonly n: number; readonly when: "before" | "within" | "after" }) {
  return { NODE_OPTIONS: hook, KILL_AT: JSON.stringify(at) };
}

/** Environment of a run that writes to `file`, as JSON, how many file operations each part's paths saw. */
export function counted(parts: readonly string[], file: string) {
  return { NODE_OPTIONS: hook, KILL_COUNT: JSON.stringify({ parts, file }) };
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Shell commands before the program, e.g. "ulimit -f 8"; the program replaces the shell. */
  readonly before?: string;
  /** Ends a child that hangs. Default 60 000 ms. */
  readonly limitMs?: number;
  /** Sees the child as soon as it is started. */
  readonly act?: (child: ReturnType<typeof spawn>) => void;
}

/** Runs `biovlm words…` to its end, a minute at most unless a limit is given. */
export function start(
  words: readonly string[],
  cwd: string,
  { env = {}, before, act, limitMs = 60_000 }: StartOptions = {},
): Promise<Ended> {
  const { BIOVLM_TEST_RESULTS: _, ...own } = process.env;
  const [file, args] =
    before === undefined
      ? [process.execPath, [main, ...words]]
      : ["sh", ["-c", `${before} && exec "$0" "$@"`, process.execPath, main, ...words]];
  const child = spawn(file, args, {
    cwd,
    env: { ...own, ...ENVIRONMENT, NODE_OPTIONS: "", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [out, err] = ["", ""];
  child.stdout.on("data", (data: Buffer) => (out += data.toString()));
  child.stderr.on("data", (data: Buffer) => (err += data.toString()));
  const limit = setTimeout(() => child.kill("SIGKILL"), limitMs);
  act?.(child);
  return new Promise((done) =>
    child.once("close", (code, signal) => {
      clearTimeout(limit);
      done({ code, signal, out, err });
    }),
  );
}

// Children for tests that kill, starve or race whole processes: a TypeScript entry is bundled once into one file and run by plain node, with
// limits set by a shell where asked. What the child prints, line by line, comes back; so does how it ended.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/**
 * A new folder for programs that a test writes, from which the packages of this repository are found. It is no folder of the repository: what a run
 * that was killed leaves is not among the sources.
 */
export function programFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "biovlm-program-"));
  symlinkSync(resolve(dirnameOf(), "../../../node_modules"), join(folder, "node_modules"), "junction");
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  return folder;
}

/** Bundles `entry` for node into the file `outfile` (ending .mjs); our packages resolve to their sources. */
export async function bundleForNode(entry: string, outfile: string): Promise<string> {
  await build({
    entryPoints: [entry],
    bundle: true,
    outfile,
    format: "esm",
    platform: "node",
    target: "node20",
    conditions: ["@biovlm/source", "node", "import", "module"],
    // native: found where it is installed, if it is asked for
    external: ["onnxruntime-node"],
    absWorkingDir: resolve(dirnameOf(), "../../.."),
    banner: { js: 'import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url);' },
    logLevel: "silent",
  });
  return outfile;
}

export interface ChildOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Shell commands before node, e.g. "ulimit -f 8" or "unshare -rm …"; the child replaces the shell. */
  readonly before?: string;
  /** Ends the child with SIGKILL this long after its first line. */
  readonly killAfterMs?: number;
  /** Ends a child that hangs. Default 60 000 ms. */
  readonly limitMs?: number;
}

export interface ChildRun {
  readonly lines: readonly string[];
  readonly stderr: string;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Runs `node script args…` to its end. */
export function runChild(script: string, args: readonly string[], options: ChildOptions = {}): Promise<ChildRun> {
  const env = { ...process.env, NODE_OPTIONS: "", ...options.env };
  const child: ChildProcess =
    options.before === undefined
      ? spawn(process.execPath, [script, ...args], { env, stdio: ["ignore", "pipe", "pipe"] })
      : spawn("sh", ["-c", `${options.before} && exec "$0" "$@"`, process.execPath, script, ...args], {
          env,
          stdio: ["ignore", "pipe", "pipe"],
        });
  const lines: string[] = [];
  let stderr = "";
  let timer: NodeJS.Timeout | undefined;
  const limit = setTimeout(() => child.kill("SIGKILL"), options.limitMs ?? 60_000);
  createInterface({ input: child.stdout! }).on("line", (line) => {
    if (lines.push(line) === 1 && options.killAfterMs !== undefined) timer = setTimeout(() => child.kill("SIGKILL"), options.killAfterMs);
  });
  child.stderr!.on("data", (data: Buffer) => {
    stderr += data.toString();
  });
  return new Promise((done, fail) => {
    child.once("error", fail);
    child.once("close", (code, signal) => {
      clearTimeout(limit);
      clearTimeout(timer);
      done({ lines, stderr, code, signal });
    });
  });
}

function dirnameOf(): string {
  return fileURLToPath(new URL(".", import.meta.url));
}

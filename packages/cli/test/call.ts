// One call of the program inside the test's process: words in; exit code, stdout and stderr out. The store, the caches and the user's
// config lie in a folder of the test file's own, so that nothing of this machine is read or changed.

import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { eachFile } from "@biovlm/testkit";
import { phantomSet } from "../src/phantoms/phantom-set.js";
import { encodePng } from "../src/phantoms/png-file.js";
import { run } from "../src/run.js";

/** This test file's own. */
export let base = "";
export let home = "";
/** Variables that give a call its own home. */
export let ENVIRONMENT: Readonly<Record<string, string>> = {};
eachFile(import.meta.dirname, () => {
  const before = process.env["BIOVLM_HOME"];
  base = mkdtempSync(join(tmpdir(), "biovlm-cli-"));
  home = join(base, "home");
  const userConfig = join(base, "user-config.json");
  writeFileSync(userConfig, "{}");
  ENVIRONMENT = { BIOVLM_HOME: home, BIOVLM_CONFIG: userConfig };
  // The store reads the process's environment.
  process.env["BIOVLM_HOME"] = home;
  return () => {
    if (before === undefined) delete process.env["BIOVLM_HOME"];
    else process.env["BIOVLM_HOME"] = before;
    rmSync(base, { recursive: true, force: true });
  };
});

let count = 0;
/** A fresh empty folder. */
export function folder(name = "work"): string {
  const path = join(base, `${name}-${count++}`);
  mkdirSync(path, { recursive: true });
  return path;
}

export interface Called {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

class Kept extends Writable {
  text = "";
  readonly isTTY: boolean;
  readonly columns = 100;
  private readonly said: (text: string) => void;
  constructor(isTTY: boolean, said: (text: string) => void = () => {}) {
    super();
    this.isTTY = isTTY;
    this.said = said;
  }
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    this.said(this.text);
    done();
  }
}

export interface CallOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly tty?: boolean;
  /** Sees stderr as it grows. */
  readonly said?: (err: string) => void;
  /** Gets what SIGHUP would call. */
  readonly onHangup?: (listener: () => void) => void;
}

export async function call(words: readonly string[], options: CallOptions = {}): Promise<Called> {
  const [stdout, stderr] = [new Kept(options.tty ?? false), new Kept(options.tty ?? false, options.said)];
  const code = await run(words, {
    stdout,
    stderr,
    env: { ...ENVIRONMENT, ...options.env },
    cwd: options.cwd ?? base,
    signal: options.signal ?? new AbortController().signal,
    ...(options.onHangup === undefined ? {} : { onHangup: options.onHangup }),
  });
  return { code, out: stdout.text, err: stderr.text };
}

/** Writes phantoms as PNG files; returns their paths in the order of `<`. */
export function writePhantoms(place: string, perKind: number, seed = 1): string[] {
  const paths: string[] = [];
  for (const { file, image } of phantomSet({ seed, perKind, size: 48 })) {
    paths.push(join(place, file));
    writeFileSync(paths.at(-1)!, encodePng(image));
  }
  return paths.sort();
}

/** Writes phantoms of the first kinds as class/name.png, the way `train` and `sweep` take them. */
export function writeClasses(place: string, kinds: number, perKind: number, seed = 1): void {
  const names: string[] = [];
  for (const { file, kind, image } of phantomSet({ seed, perKind, size: 24 })) {
    if (!names.includes(kind.name)) names.push(kind.name);
    if (names.indexOf(kind.name) >= kinds) continue;
    mkdirSync(join(place, kind.name), { recursive: true });
    writeFileSync(join(place, kind.name, file), encodePng(image));
  }
}

/** Every file below a folder, with size and time of change. */
export function listing(place: string): string[] {
  return readdirSync(place, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      const { size, mtimeMs } = statSync(path);
      return `${path} ${size} ${mtimeMs}`;
    })
    .sort();
}

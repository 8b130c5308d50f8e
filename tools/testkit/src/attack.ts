// Runs a reader against mutated files and holds it to the pass marks of docs/reliability.md R1: every case either succeeds or throws an
// expected error, no case takes longer than maxMs, memory does not drift, nothing fails outside the awaited call. A case that never
// returns cannot be measured from inside, so a watchdog thread names it and ends the process.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Worker } from "node:worker_threads";
import { soak } from "./counts.js";
import { mutations } from "./mutator.js";

export interface AttackOptions {
  readonly seed: number;
  /** Sound files to damage, by name. */
  readonly samples: Readonly<Record<string, Uint8Array>> | readonly Uint8Array[];
  /** Cases in all, spread over the samples; wrap in cases(1000) for a tenth outside the soak run. */
  readonly count: number;
  /** The reader under attack. It may return anything or throw; a promise is awaited. */
  readonly run: (bytes: Uint8Array) => unknown;
  /** Whether an error is one a caller may act on, e.g. `(e) => e instanceof ImagingError && typeof e.code === "string"`. */
  readonly expect: (error: unknown) => boolean;
  /** Longest time one case may take, in ms (2 000 in the soak run, else without limit). */
  readonly maxMs?: number;
  /** Most the process may grow after the first tenth of the cases, in MB (64 in the soak run, else without limit). */
  readonly maxDriftMb?: number;
  /** After how many ms without a sign of life the watchdog ends the process (60 000). */
  readonly hangMs?: number;
}

export interface AttackReport {
  readonly cases: number;
  /** Cases the reader accepted, and refused with an expected error. */
  readonly accepted: number;
  readonly refused: number;
  /** Refusals by the error's `code`. */
  readonly codes: Readonly<Record<string, number>>;
  readonly slowestMs: number;
  readonly driftMb: number;
}

/**
 * Attacks and returns the figures.
 * @throws Error that lists the first broken cases with seed, sample and number, and the bytes as base64 where they are few.
 */
export async function attack(options: AttackOptions): Promise<AttackReport> {
  const { seed, count, run, expect, maxMs = soak ? 2000 : Infinity, maxDriftMb = soak ? 64 : Infinity, hangMs = 60_000 } = options;
  const samples = Object.entries(options.samples);
  if (samples.length === 0 || count < samples.length)
    throw new Error(`attack needs at least one case a sample — got ${samples.length} samples, ${count} cases`);
  const broken: string[] = [];
  const strays: unknown[] = [];
  const stray = (error: unknown) => strays.push(error);
  const codes: Record<string, number> = {};
  let [done, accepted, refused, slowestMs, warmRss] = [0, 0, 0, 0, 0];
  const watchdog = new Watchdog(hangMs);
  process.on("uncaughtException", stray).on("unhandledRejection", stray);
  try {
    for (const [index, [name, bytes]] of samples.entries()) {
      const share = Math.floor(count / samples.length) + (index < count % samples.length ? 1 : 0);
      let number = 0;
      for (const bad of mutations(seed + index, bytes, share)) {
        const label = `sample ${name}, seed ${seed + index}, case ${number++}`;
        watchdog.watch(label);
        const copy = bad.slice();
        const started = performance.now();
        try {
          await run(bad);
          accepted++;
        } catch (error) {
          if (expect(error)) {
            refused++;
            const code = String((error as { code?: unknown } | null)?.code ?? "none");
            codes[code] = (codes[code] ?? 0) + 1;
          } else broken.push(`${label}: unexpected ${describe(error)}${inline(copy)}`);
        }
        const ms = performance.now() - started;
        slowestMs = Math.max(slowestMs, ms);
        if (ms > maxMs) broken.push(`${label}: took ${Math.round(ms)} ms, allowed are ${maxMs}${inline(copy)}`);
        if (++done === Math.max(1, Math.ceil(count / 10))) warmRss = settledRss();
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  } finally {
    process.off("uncaughtException", stray).off("unhandledRejection", stray);
    await watchdog.stop();
  }
  const driftMb = (settledRss() - warmRss) / 2 ** 20;
  for (const error of strays) broken.push(`outside the awaited call: ${describe(error)}`);
  if (driftMb > maxDriftMb) broken.push(`the process grew by ${driftMb.toFixed(1)} MB after the first tenth, allowed are ${maxDriftMb}`);
  if (broken.length > 0) throw new Error(`attack broke ${broken.length} of ${done} cases:\n${broken.slice(0, 10).join("\n")}`);
  return { cases: done, accepted, refused, codes, slowestMs, driftMb };
}

const describe = (error: unknown): string =>
  error instanceof Error ? `${error.name}: ${error.message}\n${error.stack ?? ""}` : String(error);
const inline = (bytes: Uint8Array): string => (bytes.length <= 2048 ? `\n  bytes (base64): ${Buffer.from(bytes).toString("base64")}` : "");

let collect: (() => void) | undefined;

/** Resident bytes after a full collection, so that garbage is not mistaken for a leak. */
export function settledRss(): number {
  if (collect === undefined) {
    setFlagsFromString("--expose-gc");
    collect = (globalThis as { gc?: () => void }).gc ?? (runInNewContext("gc") as () => void);
  }
  collect();
  collect();
  return process.memoryUsage.rss();
}

/** A thread that kills the process, after naming the case, when no new case has begun for hangMs. */
class Watchdog {
  readonly #worker: Worker;
  constructor(hangMs: number) {
    const source = `
      const { parentPort } = require("node:worker_threads");
      let label = "none"; let last = Date.now();
      parentPort.on("message", (text) => { label = text; last = Date.now(); });
      setInterval(() => {
        if (Date.now() - last < ${hangMs}) return;
        require("node:fs").writeSync(2, "attack: no answer for ${hangMs} ms at " + label + "; ending the process\\n");
        process.kill(process.pid, "SIGKILL");
      }, 500);`;
    this.#worker = new Worker(source, { eval: true });
    this.#worker.unref();
  }
  watch(label: string): void {
    this.#worker.postMessage(label);
  }
  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}

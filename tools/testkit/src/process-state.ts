// What test files of one process could change for one another, read and compared: environment, folder, listeners, globals, clock, exit code.
// No judgement of who may: see shared-process.ts.

import { vi } from "vitest";

export interface ProcessState {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly folder: string;
  /** how many listeners the process has for each event */
  readonly listeners: Readonly<Record<string, number>>;
  readonly globals: ReadonlyMap<string, unknown>;
  readonly fakeClock: boolean;
  readonly exitCode: number | string | null | undefined;
}

/** Not looked at: the test runner's own, and globals that warn where they are read. */
const IGNORED = /^(VITEST_|__vitest|localStorage$|sessionStorage$)/;
/** Set once, where a library is first imported (sharp, our binding of onnxruntime-node, onnxruntime-web) or a server first opened. */
const ADDED_ONCE = new Set([
  "variable VIPSHOME",
  "variable ORT_DISABLE_TELEMETRY",
  "global Worker",
  "listeners of the process for SIGUSR1",
]);
/** Libraries come and go with these (pino's files), and none runs before the process is at its end. */
const AT_THE_END = new Set<string | symbol>(["exit", "beforeExit"]);

export function stateOf(): ProcessState {
  const names = Object.getOwnPropertyNames(globalThis).filter((name) => !IGNORED.test(name));
  const events = process.eventNames().filter((name) => !AT_THE_END.has(name));
  return {
    environment: Object.fromEntries(Object.entries(process.env).filter(([name]) => !IGNORED.test(name))),
    folder: process.cwd(),
    listeners: Object.fromEntries(events.map((name) => [String(name), process.listenerCount(name)])),
    globals: new Map(names.map((name) => [name, (globalThis as Record<string, unknown>)[name]])),
    fakeClock: vi.isFakeTimers(),
    exitCode: process.exitCode,
  };
}

/** Each change in words; none where the two states are alike. Values of variables are not told: a person's environment holds secrets. */
export function changesOf(before: ProcessState, after: ProcessState): string[] {
  const named = <T>(kind: string, old: ReadonlyMap<string, T>, now: ReadonlyMap<string, T>): string[] =>
    [...new Set([...old.keys(), ...now.keys()])]
      .filter((name) => old.has(name) !== now.has(name) || !Object.is(old.get(name), now.get(name)))
      .filter((name) => old.has(name) || !ADDED_ONCE.has(`${kind} ${name}`))
      .map((name) => `${kind} ${name} was ${!old.has(name) ? "added" : now.has(name) ? "changed" : "removed"}`);
  const rows = <T>(record: Readonly<Record<string, T>>) => new Map(Object.entries(record));
  return [
    ...named("variable", rows(before.environment), rows(after.environment)),
    ...named("listeners of the process for", rows(before.listeners), rows(after.listeners)),
    ...named("global", before.globals, after.globals),
    ...(before.folder === after.folder ? [] : [`the working folder is ${after.folder}, it was ${before.folder}`]),
    ...(before.fakeClock === after.fakeClock ? [] : [`the clock is ${after.fakeClock ? "a made-up" : "the real"} one`]),
    ...(before.exitCode === after.exitCode ? [] : [`the exit code is ${after.exitCode}`]),
  ];
}

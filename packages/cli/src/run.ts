// One call of the program, from words to an exit code: parse, settings, run, report. Touches no global; main.ts hands it the process.

import type { CommandContext } from "./command.js";
import { COMMANDS, DESCRIPTION, EPILOGUE, GROUPS } from "./command-table.js";
import { reportError } from "./errors.js";
import { EXIT, type ExitCode } from "./exit-codes.js";
import { parse } from "./parser.js";
import { readConfigFiles, resolveOptions, unknownVariables } from "./settings.js";
import { createTerminal, type OutputStream, printable, RESEARCH_USE, wantsColor } from "./terminal.js";
import { version } from "./version.js";

/** What a call needs of the process. */
export interface Host {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Aborts with the name of the signal ("SIGINT", "SIGTERM") as reason. */
  readonly signal: AbortSignal;
  /** Told how long a command may take to end after a signal, where that is not 15 seconds. */
  readonly endsWithin?: (ms: number) => void;
  /** Has SIGHUP call a listener instead of ending the process. */
  readonly onHangup?: (listener: () => void) => void;
}

/** Runs the words after the program's name. Never throws. */
export async function run(argv: readonly string[], host: Host): Promise<ExitCode> {
  const debug = argv.includes("--debug");
  let terminal = createTerminal(host.stdout, host.stderr, { env: host.env, quiet: false });
  try {
    const request = parse(argv, COMMANDS, {
      version: version(),
      groups: GROUPS,
      description: DESCRIPTION,
      epilogue: EPILOGUE,
      columns: host.stdout.columns || 100,
      color: wantsColor(host.stdout, host.env),
    });
    if (request.kind === "print") {
      await terminal.write(request.text);
      return EXIT.ok;
    }
    const configs = await readConfigFiles(host.cwd, host.env, COMMANDS);
    const options = resolveOptions(request.command, request.flags, host.env, configs);
    terminal = createTerminal(host.stdout, host.stderr, { env: host.env, quiet: options["quiet"] === true });
    for (const warning of unknownVariables(host.env, COMMANDS)) terminal.warn(printable(warning));
    if (request.command.aboutImages) terminal.note(RESEARCH_USE);
    const table = { commands: COMMANDS, groups: GROUPS };
    const { signal, env, cwd, endsWithin = () => {}, onHangup = () => {} } = host;
    const context: CommandContext = { terminal, signal, env, cwd, endsWithin, onHangup, debug, table };
    const work = await request.command.load();
    return (await work(context, options as never, request.args)) ?? EXIT.ok;
  } catch (error) {
    if (host.signal.aborted) {
      terminal.error(`stopped by ${String(host.signal.reason)}`);
      return host.signal.reason === "SIGTERM" ? EXIT.terminated : EXIT.interrupted;
    }
    const report = reportError(error);
    terminal.error(`error[${report.code}]: ${printable(report.message)}`);
    if (report.remedy !== undefined) terminal.error(`  ${printable(report.remedy)}`);
    if (debug) terminal.error(stackOf(error));
    return report.exitCode;
  }
}

function stackOf(error: unknown): string {
  const lines: string[] = [];
  for (let e = error, depth = 0; e instanceof Error && depth < 8; e = e.cause, depth++) {
    lines.push(`${depth === 0 ? "" : "caused by: "}${e.stack ?? e.message}`);
  }
  return lines.join("\n");
}

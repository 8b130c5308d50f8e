// The contract of a command: one object that the parser, --help, docs/cli.md, the config files and shell completion are all made from.
//
// To add a command: write commands/NAME.ts that exports `defineCommand({...})` (example below) and commands/NAME.run.ts with its work, list
// the object in command-table.ts, and run `node tools/checks/cli-reference.mjs`. Parser, help, config keys, variables, completion and
// docs/cli.md follow from the object. NAME.ts imports only light modules, so that --help stays quick; NAME.run.ts imports what it needs.

import type { ExitCode } from "./exit-codes.js";
import type { Terminal } from "./terminal.js";

interface OptionBase {
  /** One sentence fragment, lower case, no full stop. */
  readonly description: string;
  /** One letter, e.g. "q". */
  readonly short?: string;
  /**
   * True when the option may also come from BIOVLM_<NAME>, from biovlm.config.json and from the user's config.
   * Set it for what a person sets once (device, threads), not for what a call is about (paths, classes).
   */
  readonly setting?: boolean;
}

interface ValueBase extends OptionBase {
  /** Placeholder in help, e.g. "DIR". */
  readonly value?: string;
}

export interface FlagOption extends OptionBase {
  readonly type: "flag";
}
export interface TextOption extends ValueBase {
  readonly type: "text";
  readonly default?: string;
  /** May be given several times: the value is a list. */
  readonly many?: boolean;
  /** What shell completion offers. */
  readonly completes?: "file" | "folder" | readonly string[];
}
export interface ChoiceOption extends ValueBase {
  readonly type: "choice";
  readonly choices: readonly string[];
  readonly default?: string;
}
export interface NumberOption extends ValueBase {
  readonly type: "number" | "integer";
  readonly min: number;
  readonly max: number;
  readonly default?: number;
}
/** A count with a suffix: k, M, G (powers of 1000) or KiB, MiB, GiB. The value is a number. */
export interface SizeOption extends ValueBase {
  readonly type: "size";
  readonly min: number;
  readonly max: number;
  readonly default?: string;
}

/** One option of a command: what it takes, its default and limits, and its line in --help. */
export type OptionSpec = FlagOption | TextOption | ChoiceOption | NumberOption | SizeOption;
/** Options of a command by camelCase key; `classesFile` is `--classes-file`. */
export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

type Base<O> = O extends { type: "choice"; choices: readonly (infer C)[] } ? C : O extends { type: "text" } ? string : number;
type Value<O> = O extends { type: "flag" }
  ? boolean
  : O extends { many: true }
    ? readonly string[]
    : O extends { default: string | number }
      ? Base<O>
      : Base<O> | undefined;

/** Values of the options, typed from their specs: a flag is a boolean, `many` a list, an option without default may be undefined. */
export type OptionValues<S extends OptionSpecs> = { readonly [K in keyof S]: Value<S[K]> };

export interface ArgumentSpec {
  /** As in usage, lower case, e.g. "path". */
  readonly name: string;
  readonly description: string;
  readonly optional?: boolean;
  /** The last argument may repeat. */
  readonly many?: boolean;
  readonly completes?: "file" | "folder" | readonly string[];
}

/** What a command is given beside its options. */
export interface CommandContext {
  readonly terminal: Terminal;
  /** Aborted by SIGINT and SIGTERM: stop soon, leave nothing torn. */
  readonly signal: AbortSignal;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute. Relative paths of the user are resolved against it. */
  readonly cwd: string;
  /** For a command that may take more than 15 seconds to end in order: the milliseconds after which it is ended. */
  readonly endsWithin: (ms: number) => void;
  /** Has SIGHUP call a listener instead of ending the process. */
  readonly onHangup: (listener: () => void) => void;
  /** True with --debug. */
  readonly debug: boolean;
  /** The table that the command came from. */
  readonly table: CommandTable;
}

/** What a command does: returns an exit code (default 0), throws errors with a stable `code`. */
export type CommandRun<S extends OptionSpecs> = (
  context: CommandContext,
  options: OptionValues<S>,
  args: readonly string[],
) => Promise<ExitCode | undefined>;

/** Every command and what its groups are about: what help, completion and docs/cli.md are made from. */
export interface CommandTable {
  /** In the order of help. */
  readonly commands: readonly AnyCommand[];
  /** Group, the first word of its commands' names → what they are about. */
  readonly groups: Readonly<Record<string, string>>;
}

export interface CommandExample {
  readonly command: string;
  readonly shows: string;
}

/** What a command is asked for by: its words, arguments and options. Help, completion and docs/cli.md are made from it; it holds no work. */
export interface CommandSpec<S extends OptionSpecs = OptionSpecs> {
  /** "classify", or "models pull" for a command of a group. */
  readonly name: string;
  /** One line, no full stop: what it does, seen by a person who does not know it. */
  readonly summary: string;
  /** Paragraphs for --help and docs/cli.md. */
  readonly description?: readonly string[];
  readonly arguments?: readonly ArgumentSpec[];
  /** Keys in camelCase; `classesFile` is `--classes-file`. */
  readonly options: S;
  readonly examples?: readonly CommandExample[];
  /** True when the command says something about images: the research-use line is then printed once on stderr. */
  readonly aboutImages?: boolean;
}

/**
 * Keeps the option types of one command. A whole command, in two files and a line of the table:
 * @example
 * // count.ts
 * export const COUNT_OPTIONS = { json: { type: "flag", description: "print JSON" } } as const satisfies OptionSpecs;
 * export const count = defineCommand({
 *   name: "count",
 *   summary: "count images",
 *   arguments: [{ name: "path", description: "image files or folders", many: true, completes: "file" }],
 *   options: COUNT_OPTIONS,
 * });
 * // count.run.ts
 * export const countImages: CommandRun<typeof COUNT_OPTIONS> = async ({ terminal, cwd, signal }, options, paths) => {
 *   const { files } = await findImageFiles(paths, cwd, signal);
 *   await terminal.line(options.json ? JSON.stringify({ images: files.length }) : `${files.length} images`);
 *   return undefined; // exit code 0
 * };
 * // command-table.ts
 * withRun(count, async () => (await import("./commands/count.run.js")).countImages),
 */
export function defineCommand<const S extends OptionSpecs>(spec: CommandSpec<S>): CommandSpec<S> {
  return spec;
}

/** A command whose option types have been forgotten, as the table holds it, with the late import of its work. */
export interface AnyCommand extends CommandSpec {
  load(): Promise<(context: CommandContext, options: never, args: readonly string[]) => Promise<ExitCode | undefined>>;
}

/** A spec with the work that fits its options. */
export function withRun<S extends OptionSpecs>(spec: CommandSpec<S>, load: () => Promise<CommandRun<S>>): AnyCommand {
  return { ...spec, load };
}

/** Options that every command has. */
export const COMMON_OPTIONS = {
  quiet: { type: "flag", short: "q", setting: true, description: "print nothing but data and errors" },
  debug: { type: "flag", description: "print stacks with errors" },
} as const satisfies OptionSpecs;

/** `classesFile` → `classes-file`. */
export function kebab(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** `classesFile` → `BIOVLM_CLASSES_FILE`. */
export function environmentName(key: string): string {
  return `BIOVLM_${kebab(key).replaceAll("-", "_").toUpperCase()}`;
}

/** The placeholder of an option's value in help, or undefined for a flag. */
export function placeholder(key: string, option: OptionSpec): string | undefined {
  if (option.type === "flag") return undefined;
  if (option.value !== undefined) return option.value;
  if (option.type === "choice") return option.choices.join("|");
  return option.type === "text" ? kebab(key).toUpperCase() : option.type === "size" ? "SIZE" : "N";
}

// Command objects → commander's parser. It says what was asked for; it runs nothing and resolves no setting.

import { Command, CommanderError, Option } from "commander";
import { type AnyCommand, type ArgumentSpec, environmentName, kebab, type OptionSpec, placeholder } from "./command.js";
import { type CliError, usageError } from "./errors.js";
import { optionsOf } from "./settings.js";

export interface ParserOptions {
  readonly version: string;
  /** Group name → what its commands are about. */
  readonly groups: Readonly<Record<string, string>>;
  readonly description: string;
  readonly epilogue: string;
  readonly columns: number;
  readonly color: boolean;
}

/** What the command line asks for: a text to print (help, version), or a command to run. */
export type Request =
  | { readonly kind: "print"; readonly text: string }
  | { readonly kind: "run"; readonly command: AnyCommand; readonly flags: Record<string, unknown>; readonly args: string[] };

/**
 * Parses the words after the program's name.
 * @throws CliError `unknown_option`, `unknown_command`, `missing_argument`, `missing_value`, `too_many_arguments`, … (exit 2)
 */
export function parse(argv: readonly string[], commands: readonly AnyCommand[], options: ParserOptions): Request {
  let text = "";
  const append = (more: string) => {
    text += more;
  };
  let request: Request | undefined;
  const collect = { writeOut: append, writeErr: () => {}, outputError: () => {} };
  const shape = <C extends Command>(command: C): C =>
    command
      .exitOverride()
      .configureOutput({ ...collect, getOutHelpWidth: () => options.columns, getOutHasColors: () => options.color })
      .configureHelp({
        styleTitle: (title) => (options.color ? `\u001b[1m${title}\u001b[22m` : title),
        subcommandTerm: (sub) =>
          [sub.name(), ...sub.registeredArguments.map((a) => (a.required ? `<${a.name()}>` : `[${a.name()}]`))].join(" "),
      })
      .helpOption("-h, --help", "show this help");

  const root = shape(new Command("biovlm"))
    .description(options.description)
    .version(options.version, "-V, --version", "show the version")
    .usage("<command> [options]")
    .helpCommand("help [command]", "show help of a command")
    .addHelpText("after", `\n${options.epilogue}`);
  const groups = new Map<string, Command>();
  for (const spec of commands) {
    const [head, tail] = spec.name.split(" ") as [string, string?];
    let parent = root;
    if (tail !== undefined) {
      parent =
        groups.get(head) ??
        shape(root.command(head))
          .description(options.groups[head] ?? "")
          .helpCommand(false);
      groups.set(head, parent);
    }
    const command = shape(parent.command(tail ?? head))
      .summary(spec.summary)
      .description([sentence(spec.summary), ...(spec.description ?? [])].join("\n\n"));
    for (const argument of spec.arguments ?? []) command.argument(argumentUsage(argument), argument.description);
    for (const [key, option] of Object.entries(optionsOf(spec))) command.addOption(commanderOption(key, option));
    if (spec.examples !== undefined && spec.examples.length > 0) {
      const lines = spec.examples.map((example) => `  # ${example.shows}\n  $ ${example.command}`);
      command.addHelpText("after", `\nExamples:\n${lines.join("\n")}`);
    }
    command.action(() => {
      request = { kind: "run", command: spec, flags: command.opts(), args: [...command.args] };
    });
  }
  if (argv.length === 0) {
    root.outputHelp();
    return { kind: "print", text };
  }
  try {
    root.parse([...argv], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { kind: "print", text };
    throw refusal(error, argv, groups, commands);
  }
  if (request === undefined) throw usageError("missing_command", "no command given", "Run biovlm --help.");
  return request;
}

/** "print x" → "Print x." */
export function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

export function argumentUsage(argument: ArgumentSpec): string {
  const name = argument.many ? `${argument.name}...` : argument.name;
  return argument.optional ? `[${name}]` : `<${name}>`;
}

/** `-q, --quiet` or `--top <N>`. */
export function optionUsage(key: string, option: OptionSpec): string {
  const value = placeholder(key, option);
  const flag = `--${kebab(key)}${value === undefined ? "" : ` <${value}>`}`;
  return option.short === undefined ? flag : `-${option.short}, ${flag}`;
}

/** What stands behind an option's description: repetition, default, environment variable. */
export function optionRemarks(key: string, option: OptionSpec): string[] {
  const remarks: string[] = [];
  if (option.type === "text" && option.many) remarks.push("may be repeated");
  if (option.type !== "flag" && option.default !== undefined) remarks.push(`default ${option.default}`);
  if (option.setting) remarks.push(`env ${environmentName(key)}`);
  return remarks;
}

function commanderOption(key: string, option: OptionSpec): Option {
  const remarks = optionRemarks(key, option);
  const result = new Option(
    optionUsage(key, option),
    remarks.length === 0 ? option.description : `${option.description} (${remarks.join("; ")})`,
  );
  // Values are read later by parseValue, the same for flags, variables and config files; here only repetition matters.
  if (option.type === "text" && option.many) {
    result.argParser((value: string, before: string[] | undefined) => [...(before ?? []), value]);
  }
  return result;
}

const CODES: Readonly<Record<string, string>> = {
  "commander.unknownOption": "unknown_option",
  "commander.unknownCommand": "unknown_command",
  "commander.missingArgument": "missing_argument",
  "commander.optionMissingArgument": "missing_value",
  "commander.excessArguments": "too_many_arguments",
  "commander.help": "missing_command",
};

/** Commands that have an option which this one has not: "--volumes is an option of classify, embed." */
function elsewhere(message: string, commands: readonly AnyCommand[]): string | undefined {
  const [, asked] = /'(--[a-z][a-z0-9-]*)/.exec(message) ?? [];
  const have = (spec: AnyCommand) => Object.keys(optionsOf(spec)).some((key) => `--${kebab(key)}` === asked);
  const names = commands.filter(have).map(({ name }) => name);
  return names.length === 0 ? undefined : `${asked} is an option of ${names.join(", ")}.`;
}

function refusal(
  error: CommanderError,
  argv: readonly string[],
  groups: ReadonlyMap<string, Command>,
  commands: readonly AnyCommand[],
): CliError {
  const [first = "", ...rest] = error.message.replace(/^error: /, "").split("\n");
  const group = groups.get(argv[0] ?? "");
  const help = ["biovlm", ...argv.filter((word) => /^[a-z]+$/.test(word)).slice(0, group === undefined ? 1 : 2), "--help"].join(" ");
  const hint = /Did you mean (.+)\?/.exec(rest.join(" "))?.[0];
  if (error.code === "commander.help" && group !== undefined) {
    const names = group.commands.map((command) => command.name());
    return usageError("missing_command", `biovlm ${argv[0]} — expected one of ${names.join(", ")}`, `Run biovlm ${argv[0]} --help.`);
  }
  const other = error.code === "commander.unknownOption" ? elsewhere(first, commands) : undefined;
  return usageError(CODES[error.code] ?? "bad_usage", first, other === undefined ? (hint ?? `Run ${help}.`) : `${other} Run ${help}.`);
}

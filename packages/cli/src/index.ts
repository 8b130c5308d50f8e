// The command line as a library: run it in-process, read its commands. For the docs generator, the tests and the server.

export type { AnyCommand, CommandContext, CommandSpec, OptionSpec, OptionSpecs, OptionValues } from "./command.js";
export { defineCommand } from "./command.js";
export { COMMANDS, GROUPS } from "./command-table.js";
export { CliError, reportError } from "./errors.js";
export { EXIT, EXIT_MEANINGS, type ExitCode } from "./exit-codes.js";
export { referencePage } from "./reference.js";
export { type Host, run } from "./run.js";
export { RESEARCH_USE } from "./terminal.js";

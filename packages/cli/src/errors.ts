// Errors of the command line, and how an error of any package becomes a line on stderr and an exit code.
// Packages give their errors a stable `code`; the tables below are the only place where a code meets an exit code.

import { FLAG_WORDS } from "@biovlm/engine/options";
import { atEdge, BiovlmError, fileFailure, isFileFailure } from "@biovlm/files";
import { EXIT, type ExitCode } from "./exit-codes.js";

/** `what — expected …, got …. What to do.` with a stable `code` and the exit code it ends in. */
export class CliError extends BiovlmError {
  readonly exitCode: ExitCode;
  /** What to do where it is printed on a line of its own. */
  readonly advice: string | undefined;

  constructor(code: string, exitCode: ExitCode, message: string, options?: { remedy?: string; cause?: unknown }) {
    super("cli", "CliError", code, message, options);
    this.exitCode = exitCode;
    this.advice = options?.remedy;
  }
}

/** The command line asks for something that does not exist: exit 2. */
export function usageError(code: string, message: string, remedy?: string): CliError {
  return new CliError(code, EXIT.usage, message, remedy === undefined ? {} : { remedy });
}

/** A file, folder, model, bank or data set is not there: exit 3. */
export function notFoundError(code: string, message: string, remedy?: string): CliError {
  return new CliError(code, EXIT.notFound, message, remedy === undefined ? {} : { remedy });
}

/** Codes of our packages that end in something else than 1. */
const CODE_EXITS: readonly (readonly [RegExp, ExitCode])[] = [
  [/^(integrity|digest_mismatch|checksum_mismatch|corrupt_model|lock_mismatch)$/, EXIT.integrity],
  [/^(backend_unavailable|no_backend|device_unavailable|unavailable|unknown_device|runtime_missing|open_failed)$/, EXIT.backend],
  [/^(not_found|not_a_file|unknown_model|unknown_dataset|unknown_data_set|unknown_name|missing_file|model_not_found)$/, EXIT.notFound],
  [/^(bad_name|bad_path|bad_option|bad_address|port_in_use|bad_classes|unknown_option|unknown_key)$/, EXIT.usage],
];

/** An error as the user meets it. */
export interface ErrorReport {
  readonly code: string;
  readonly exitCode: ExitCode;
  /** One line. */
  readonly message: string;
  readonly remedy: string | undefined;
}

const property = (value: unknown, key: string): unknown =>
  typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;

/** Any thrown value → code, exit code, message, remedy. Never throws. */
export function reportError(error: unknown): ErrorReport {
  if (error instanceof CliError) {
    return { code: error.code, exitCode: error.exitCode, message: error.message, remedy: error.advice };
  }
  if (isFileFailure(error)) {
    const [call, path] = [property(error, "syscall"), property(error, "path")];
    return reportError(fileFailure(error, `${typeof call === "string" ? call : "using"} ${typeof path === "string" ? path : "a file"}`));
  }
  const message = atEdge(error instanceof Error ? error.message : String(error), FLAG_WORDS);
  const code = property(error, "code");
  // A package's own error carries a snake_case code; anything else is a fault of ours.
  if (typeof code === "string" && /^[a-z][a-z0-9_]*$/.test(code)) {
    const exitCode = CODE_EXITS.find(([pattern]) => pattern.test(code))?.[1] ?? EXIT.failure;
    return { code, exitCode, message, remedy: undefined };
  }
  return {
    code: "internal_error",
    exitCode: EXIT.failure,
    message: message === "" ? "no message" : message,
    remedy: "This is a fault of biovlm. Run again with --debug for the stack, and report it.",
  };
}

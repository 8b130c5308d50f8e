// Errors of the command line, and how an error of any package becomes a line on stderr and an exit code.
// Packages give their errors a stable `code`; the tables below are the only place where a code meets an exit code.

import { BiovlmError } from "@biovlm/files";
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

/** Codes of the operating system that a user can act on. */
const SYSTEM_CODES: Readonly<Record<string, { code: string; exitCode: ExitCode; remedy: string }>> = {
  ENOENT: { code: "not_found", exitCode: EXIT.notFound, remedy: "Check the path." },
  ENOTDIR: { code: "not_found", exitCode: EXIT.notFound, remedy: "Check the path: a part of it is not a folder." },
  EISDIR: { code: "is_a_folder", exitCode: EXIT.failure, remedy: "Name a file." },
  EACCES: { code: "permission_denied", exitCode: EXIT.failure, remedy: "Check the permissions of the path." },
  EPERM: { code: "permission_denied", exitCode: EXIT.failure, remedy: "Check the permissions of the path." },
  EROFS: { code: "read_only", exitCode: EXIT.failure, remedy: "Choose a folder that can be written." },
  ENOSPC: { code: "disk_full", exitCode: EXIT.failure, remedy: "Free some space, then run the same command again." },
  EDQUOT: { code: "disk_full", exitCode: EXIT.failure, remedy: "Free some of your quota, then run the same command again." },
  EFBIG: { code: "file_too_large", exitCode: EXIT.failure, remedy: "The file system or a limit (ulimit -f) forbids a file this large." },
  EMFILE: { code: "too_many_open_files", exitCode: EXIT.failure, remedy: "Raise the limit (ulimit -n)." },
  ENFILE: { code: "too_many_open_files", exitCode: EXIT.failure, remedy: "The machine has too many open files." },
  ENAMETOOLONG: { code: "name_too_long", exitCode: EXIT.notFound, remedy: "Shorten the path." },
  ELOOP: { code: "not_found", exitCode: EXIT.notFound, remedy: "The path runs in circles through symbolic links." },
};

/** Codes of our packages that end in something else than 1. */
const CODE_EXITS: readonly (readonly [RegExp, ExitCode])[] = [
  [/^(integrity|digest_mismatch|checksum_mismatch|corrupt_model|lock_mismatch)$/, EXIT.integrity],
  [/^(backend_unavailable|no_backend|device_unavailable|unavailable|unknown_device|runtime_missing|open_failed)$/, EXIT.backend],
  [/^(not_found|unknown_model|unknown_dataset|unknown_data_set|unknown_name|missing_file|model_not_found)$/, EXIT.notFound],
  [/^(bad_name|bad_option|bad_classes|unknown_option|unknown_key)$/, EXIT.usage],
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
  const message = error instanceof Error ? error.message : String(error);
  const code = property(error, "code");
  const system = typeof code === "string" ? SYSTEM_CODES[code] : undefined;
  if (system !== undefined) {
    const path = property(error, "path");
    return { ...system, message: typeof path === "string" ? `${message.replace(/^[A-Z]+: /, "").replace(/,.*$/, "")} — ${path}` : message };
  }
  if (code === "ERR_INVALID_ARG_VALUE" && /null bytes/.test(message)) {
    return { code: "bad_path", exitCode: EXIT.usage, message: "a path holds a zero byte — expected a path", remedy: "Check the path." };
  }
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

// Turns what the operating system says about a file into an error of ours: disk full, not writable, too many open files, …
// The cause keeps the system's own error; errors that are ours already, and aborts, pass through.

import { BiovlmError, FilesError, type FilesErrorCode } from "./errors.js";

/** System code → ours, why, what to do; after a remedy that ends in "folder" stands which setting names the folder. */
const KINDS: Record<string, readonly [FilesErrorCode, string, string]> = {
  ENOSPC: ["disk_full", "the disk is full", "Free some space, or choose another folder"],
  EDQUOT: ["disk_full", "the disk quota is used up", "Free some space, or choose another folder"],
  EFBIG: ["disk_full", "a file-size limit was hit", "Raise the limit (ulimit -f), or choose another file system"],
  EACCES: ["not_permitted", "permission was refused", "Check the owner and mode of the folder, or choose another folder"],
  EPERM: ["not_permitted", "permission was refused", "Check the owner and mode of the folder, or choose another folder"],
  EROFS: ["not_permitted", "the file system is read-only", "Choose a writable folder"],
  EMFILE: ["too_many_files", "this process has too many open files", "Raise the limit (ulimit -n), or run fewer jobs at once"],
  ENFILE: ["too_many_files", "the system has too many open files", "Close other programs, or raise the system's limit"],
  ENOENT: ["not_found", "there is no such file or folder", "Check the path"],
  ENOTDIR: ["not_found", "a part of the path is not a folder", "Check the path"],
  EISDIR: ["io_error", "it is a folder, not a file", "Name the file itself"],
  ELOOP: ["not_found", "the path goes in circles through links", "Check the path"],
  // Node's own, before the system is asked; only for zero bytes
  ERR_INVALID_ARG_VALUE: ["bad_path", "the path holds a zero byte", "Correct the path"],
  ENAMETOOLONG: ["bad_path", "the path is too long", "Use a shorter folder or name"],
};

/** The system's code ("ENOENT", …) of an error, or "". */
export function systemCode(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : "";
}

function kindOf(error: unknown): (typeof KINDS)[string] | undefined {
  const code = systemCode(error);
  const foreign = code === "ERR_INVALID_ARG_VALUE" && !(error instanceof Error && /null bytes/.test(error.message));
  return foreign || !Object.hasOwn(KINDS, code) ? undefined : KINDS[code];
}

/** True where the error is the file system's own and `fileFailure` has words for it. */
export function isFileFailure(error: unknown): boolean {
  return kindOf(error) !== undefined;
}

/**
 * The error to throw for a failed file operation. `what` names the operation and the path: "writing /a/b"; `setting` is what chooses the
 * folder, where one does.
 * Codes: `disk_full`, `not_permitted`, `too_many_files`, `not_found`, `io_error`.
 */
export function fileFailure(error: unknown, what: string, setting?: string): Error {
  if (error instanceof BiovlmError) return error;
  const system = systemCode(error);
  if (error instanceof Error && error.name === "AbortError") return error;
  const [code, why, remedy] = kindOf(error) ?? (["io_error", system || String(error), "Check the disk and try again"] as const);
  const advice = setting !== undefined && remedy.endsWith(" folder") ? `${remedy} with ${setting}` : remedy;
  return new FilesError(code, `${what} failed — ${why}${system ? ` (${system})` : ""}. ${advice}.`, { cause: error });
}

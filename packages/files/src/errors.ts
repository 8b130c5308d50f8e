// What every error of ours is: a stable `code` for programs, one sentence that says what was expected and what came, one that says what to do.
// The package's name is a field; it stands before the text only where a stack is printed. core, graph and imaging import nothing and give
// their own classes the same fields.

/** What an error may carry beside code and message. */
export interface ErrorDetails {
  readonly cause?: unknown;
  /** what to do, where it is kept apart from the message */
  readonly remedy?: string | undefined;
}

/** Base of the error classes of our packages. `message` is `what — expected …, got …. What to do.` */
export class BiovlmError<Code extends string = string> extends Error {
  readonly code: Code;
  /** the package that found the fault, e.g. "model"; of an encoder, its backend's name */
  readonly package: string;
  /** what was expected and what came */
  readonly what: string;
  /** what to do; undefined where there is nothing to be done */
  readonly remedy: string | undefined;

  constructor(packageName: string, name: string, code: Code, message: string, { cause, remedy }: ErrorDetails = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = name;
    this.code = code;
    this.package = packageName;
    const parts = remedy === undefined ? sentences(message) : { what: message, remedy };
    this.what = parts.what;
    this.remedy = parts.remedy;
    if (this.stack !== undefined) this.stack = `[biovlm:${packageName}] ${this.stack.replace(/^Error\b/, name)}`;
  }
}

/** "x — expected a, got b. Do c." → what: "x — expected a, got b.", remedy: "Do c." */
export function sentences(message: string): { readonly what: string; readonly remedy: string | undefined } {
  const cut = /^(.*?[.!?])\s+(?=[A-Z`])(.+)$/s.exec(message);
  return cut === null ? { what: message, remedy: undefined } : { what: cut[1] ?? message, remedy: cut[2] };
}

/** True for errors of our packages, whichever copy of this module made them: they carry `code`, `package` and `what`. */
export function isBiovlmError(error: unknown): error is BiovlmError {
  return error instanceof Error && ["code", "package", "what"].every((field) => typeof Reflect.get(error, field) === "string");
}

/** Stable codes of {@link FilesError}; a caller's own code where one was given (`JsonLimits.code`). */
export type FilesErrorCode =
  | "bad_argument" // an argument of ours out of range or of the wrong type
  | "bad_name" // a name outside the allowed alphabet
  | "bad_key" // a ByteStore key outside the allowed alphabet
  | "bad_path" // a file name from outside that would leave its folder
  | "bad_digest" // a digest that is none
  | "malformed_json" // JSON that is not well-formed, too deep, or holds a key twice
  | "malformed_zip" // an archive whose directory lies, overlaps or is cut
  | "unsupported_format" // an archive of a kind that is not read: encrypted, or packed in another way
  | "too_large" // more bytes, entries or files than the limits allow
  | "not_a_file" // a folder, device, pipe or socket where a file is expected
  | "file_changed" // a file that became shorter while it was read
  | "not_found" // no such file or folder
  | "integrity" // content that is not what its digest says
  | "locked" // another process holds the lock
  | "disk_full" // no space, quota or file size left
  | "not_permitted" // read-only or not ours
  | "too_many_files" // no file descriptor left
  | "io_error" // any other failure of the file system
  | "network" // no answer, or a connection that keeps breaking
  | "refused" // a server that will not give the file, however often it is asked
  | "hub_protocol"; // an answer that is not the file: a lie about ranges, a web page in its place

/** Error of @biovlm/files: `what — expected …, got …. What to do.` */
export class FilesError extends BiovlmError {
  constructor(code: FilesErrorCode | (string & {}), message: string, options?: { readonly cause?: unknown }) {
    super("files", "FilesError", code, message, options);
  }
}

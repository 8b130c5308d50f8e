// What every error of ours is: a stable `code` for programs, one sentence that says what was expected and what came, one that says what to do.
// The package's name is a field; it stands before the text only where a stack is printed. core, graph and imaging import nothing and give
// their own classes the same fields.

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

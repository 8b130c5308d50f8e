// Errors of the numeric core: one class, stable codes.

/** Stable codes of {@link CoreError}. */
export type CoreErrorCode =
  | "bad_shape"
  | "bad_label"
  | "bad_option"
  | "nan_input"
  | "zero_row"
  | "out_of_memory"
  | "wasm_unavailable"
  | "native_unavailable";

/** `what — expected …, got …. What to do.` */
export class CoreError extends Error {
  readonly code: CoreErrorCode;
  readonly package = "core";

  constructor(code: CoreErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "CoreError";
    this.code = code;
    if (this.stack !== undefined) this.stack = `[biovlm:core] ${this.stack.replace(/^Error\b/, this.name)}`;
  }

  /** What was expected and what came. */
  get what(): string {
    return this.message.replace(/(?<=[.!?])\s+(?=[A-Z`]).*$/s, "");
  }

  /** What to do; undefined where there is nothing to be done. */
  get remedy(): string | undefined {
    return this.message.slice(this.what.length).trim() || undefined;
  }
}

// Errors of the numeric core: one class, stable codes.

export type CoreErrorCode =
  | "bad_shape"
  | "bad_label"
  | "bad_option"
  | "nan_input"
  | "zero_row"
  | "out_of_memory"
  | "wasm_unavailable"
  | "native_unavailable";

/** `[biovlm:core] what — expected …, got …. What to do.` */
export class CoreError extends Error {
  readonly code: CoreErrorCode;

  constructor(code: CoreErrorCode, message: string, options?: { cause?: unknown }) {
    super(`[biovlm:core] ${message}`, options);
    this.name = "CoreError";
    this.code = code;
  }
}

// Errors of this package: one class, stable codes.

export type DatasetErrorCode =
  | "bad_option"
  | "unknown_dataset"
  | "unknown_class"
  | "bad_name"
  | "bad_file"
  | "too_large"
  | "not_found"
  | "integrity"
  | "refused_pair"
  | "too_few_images"
  | "bad_attributes"
  | "network"
  | "storage"
  | "aborted";

/** `[biovlm:datasets] what — expected …, got …. What to do.` */
export class DatasetError extends Error {
  readonly code: DatasetErrorCode;

  constructor(code: DatasetErrorCode, message: string, options?: { cause?: unknown }) {
    super(`[biovlm:datasets] ${message}`, options);
    this.name = "DatasetError";
    this.code = code;
  }
}

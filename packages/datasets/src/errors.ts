// The one error class of this package. `code` is stable and may be switched on; the message is for people.

import { BiovlmError } from "@biovlm/files";

/** What went wrong.
 * - `bad_option`: an option or argument out of range.
 * - `bad_name`: a data-set name that no data set can have; nothing was looked up.
 * - `unknown_dataset`, `unknown_class`: a well-formed name that is not known; the message names the nearest known one.
 * - `bad_file`: a file or folder that is malformed or contradicts itself (JSON, CSV, npy, zip, split, image folder).
 * - `too_large`: more bytes, entries or rows than the limits allow.
 * - `not_found`: a folder, file or zip member that should be there and is not.
 * - `integrity`: bytes that do not match their published digest.
 * - `refused_pair`: two data sets that must not be compared because they share images.
 * - `too_few_images`: a split asks for more images than there are.
 * - `bad_attributes`: an attribute set that breaks its schema or its lint.
 * - `bad_answer`: a language model whose answer could not be used.
 * - `network`: an endpoint that failed; `cause` tells how.
 * - `aborted`: the caller's signal.
 *
 * What the file system, a lock or a download refuses is a FilesError of @biovlm/files. */
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
  | "bad_answer"
  | "network"
  | "aborted";

/** `what — expected …, got …. What to do.` */
export class DatasetError extends BiovlmError<DatasetErrorCode> {
  constructor(code: DatasetErrorCode, message: string, options?: { cause?: unknown }) {
    super("datasets", "DatasetError", code, message, options);
  }
}

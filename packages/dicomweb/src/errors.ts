// The one error class of this package. `code` is stable and may be switched on; the message is for people and holds no tag of a patient.

import { BiovlmError } from "@biovlm/files";

/** What went wrong.
 * - `bad_argument`: an address, UID, code or credential that cannot be one.
 * - `not_dicom`: bytes that are no DICOM file, or whose header breaks off.
 * - `not_found`: the archive holds no such study, series or instance.
 * - `refused`: the archive wants other credentials, or does not take or give this (401, 403, 4xx, a redirect).
 * - `network`: no answer, or one that breaks off, after every try.
 * - `unavailable`: the archive answers 429 or 5xx, after every try.
 * - `bad_answer`: an answer that is not what DICOMweb promises.
 * - `too_large`: more bytes or instances than the limits allow.
 * - `not_stored`: the archive took the request but not the instance.
 * - `aborted`: the caller's signal. */
export type DicomwebErrorCode =
  | "bad_argument"
  | "not_dicom"
  | "not_found"
  | "refused"
  | "network"
  | "unavailable"
  | "bad_answer"
  | "too_large"
  | "not_stored"
  | "aborted";

/** `what — expected …, got …. What to do.` */
export class DicomwebError extends BiovlmError<DicomwebErrorCode> {
  constructor(code: DicomwebErrorCode, message: string, options?: { cause?: unknown }) {
    super("dicomweb", "DicomwebError", code, message, options);
  }
}

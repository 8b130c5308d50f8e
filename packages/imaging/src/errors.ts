// The one error class of this package. `code` is stable and may be switched on; the message is for people.
// No message ever contains a file name, a tag value or other content of the image: sizes and format names only.

/** Why an image was refused.
 * - `empty_input`: no bytes at all.
 * - `too_large`: more bytes, pixels or scans than the limits allow; found from the header, before pixels are allocated.
 * - `too_many_frames`: an animation or a multi-page file.
 * - `unsupported_format`: not one of the formats read here, or a variant of one that is not.
 * - `not_an_image`: a DICOM object that carries no picture: a report, a segmentation, a dose.
 * - `corrupt_image`: a known format whose contents are truncated or contradict themselves.
 * - `timeout`: decoding took longer than `timeoutMs`.
 * - `bad_option`: an unknown option or a value out of range.
 * - `decoder_unavailable`: this host has no decoder for the format (for instance sharp is not installed). */
export type ImagingErrorCode =
  | "empty_input"
  | "too_large"
  | "too_many_frames"
  | "unsupported_format"
  | "not_an_image"
  | "corrupt_image"
  | "timeout"
  | "bad_option"
  | "decoder_unavailable";

/** Error of @biovlm/imaging: `what — expected …, got …. What to do.` with a stable code. */
export class ImagingError extends Error {
  readonly code: ImagingErrorCode;
  readonly package = "imaging";

  constructor(code: ImagingErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "ImagingError";
    this.code = code;
    if (this.stack !== undefined) this.stack = `[biovlm:imaging] ${this.stack.replace(/^Error\b/, this.name)}`;
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

/** A `corrupt_image` error with the usual remedy. */
export function corrupt(what: string, cause?: unknown): ImagingError {
  return new ImagingError("corrupt_image", `${what}. Export or download the image again.`, cause === undefined ? undefined : { cause });
}

/** The formats that are read, as people call them. */
export const READ_FORMATS = "PNG, JPEG, WebP, TIFF, BMP, GIF, PNM, JPEG 2000, DICOM, NIfTI or NRRD";

/** An `unsupported_format` error; `advice` says what to do instead. */
export function unsupported(what: string, advice: string): ImagingError {
  return new ImagingError("unsupported_format", `${what} — expected ${READ_FORMATS}. ${advice}`);
}

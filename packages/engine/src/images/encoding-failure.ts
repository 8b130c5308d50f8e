// Why an image has no row, as a code of this package and in words for who sends images to a server.

import { atEdge } from "@biovlm/files";
import { ImagingError, type ImagingErrorCode } from "@biovlm/imaging/node";
import type { EngineErrorCode } from "../contract/errors.js";
import { SERVED_WORDS } from "../options/edge-words.js";

const CODES: Readonly<Record<ImagingErrorCode, EngineErrorCode>> = {
  empty_input: "unreadable_image",
  too_large: "payload_too_large",
  too_many_frames: "unsupported_format",
  unsupported_format: "unsupported_format",
  not_an_image: "unsupported_format",
  corrupt_image: "unreadable_image",
  timeout: "unreadable_image",
  bad_option: "bad_option",
  decoder_unavailable: "unsupported_format",
};

/** The failure of an image that could not be decoded or resized. */
export function encodingFailure(error: unknown): { code: EngineErrorCode; message: string } {
  if (error instanceof ImagingError) return { code: CODES[error.code], message: atEdge(error.message, SERVED_WORDS) };
  return { code: "unreadable_image", message: "image — expected pixels that can be resized, got none. Check the file." };
}

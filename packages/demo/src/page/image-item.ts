// One image of the page, with all that is known of it.

import type { Classification } from "@biovlm/model";
import type { Failure, Looked } from "../engine/protocol.js";
import type { Identity } from "./label-book.js";

export interface ImageItem {
  readonly id: number;
  readonly name: string;
  /** the folder it lay in, or "" */
  folder: string;
  readonly file: File;
  answer?: Classification;
  /** of DICOM, counted from 0: the frame that is looked at, where it is not the middle one */
  frame?: number;
  /** what the model sees, small, and what the file says of itself */
  picture?: Looked;
  /** the picture is of another frame or window than is shown now */
  stale?: boolean;
  failure?: Failure;
  /** what its content is known by; not yet where it has not been read */
  identity?: Identity;
  /** the class a person named, also where it is not among the classes just now */
  labelName?: string;
  /** its index among the classes; absent where it is not among them */
  label?: number;
}

/** Whether an image was sent and not answered: that says nothing of it where somebody else answers. */
export function refusedByServer(failure: Failure | undefined): boolean {
  return failure?.code.startsWith("server_") === true;
}

/** Why an image has no answer, in short. */
export function failureWord(failure: Failure): string {
  return refusedByServer(failure) ? "not answered" : "cannot be read";
}

/** Takes an answer away, and why the server gave none. */
export function forgetAnswer(image: ImageItem): void {
  delete image.answer;
  if (refusedByServer(image.failure)) delete image.failure;
}

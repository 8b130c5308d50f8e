// One image of the page, with all that is known of it.

import type { Classification } from "@biovlm/model";
import type { Failure, Picture } from "../engine/protocol.js";
import type { Identity } from "./label-book.js";

export interface ImageItem {
  readonly id: number;
  readonly name: string;
  /** the folder it lay in, or "" */
  folder: string;
  readonly file: File;
  answer?: Classification;
  /** what the model sees, small */
  picture?: Picture;
  failure?: Failure;
  /** what its content is known by; not yet where it has not been read */
  identity?: Identity;
  /** the class a person named, also where it is not among the classes just now */
  labelName?: string;
  /** its index among the classes; absent where it is not among them */
  label?: number;
}

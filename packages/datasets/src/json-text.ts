// JSON of people's files: what @biovlm/files reads strictly, with a limit on the text and a byte order mark forgiven, as this package's errors.

import { FilesError, type Json, parseStrictJson } from "@biovlm/files";
import { DatasetError } from "./errors.js";

export interface JsonTextLimits {
  /** Characters. Default 16 Mi. */
  readonly maxLength?: number;
  /** Nested arrays and objects. Default 32. */
  readonly maxDepth?: number;
}

/** @param what names the text in messages @throws DatasetError `bad_file` or `too_large` */
export function parseJsonText(text: string, what: string, { maxLength = 16 * 1024 * 1024, maxDepth = 32 }: JsonTextLimits = {}): Json {
  if (text.length > maxLength) {
    throw new DatasetError("too_large", `${what} — expected at most ${maxLength} characters, got ${text.length}. Split the file.`);
  }
  try {
    return parseStrictJson(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text, what, { maxDepth });
  } catch (cause) {
    if (cause instanceof FilesError) throw new DatasetError("bad_file", cause.message, { cause });
    throw cause;
  }
}

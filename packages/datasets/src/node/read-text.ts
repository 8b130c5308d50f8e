// Text of a small file from outside: a list, a split.

import { readFileWithin } from "@biovlm/files/node";
import { DatasetError } from "../errors.js";

const MAX_TEXT_BYTES = 256 * 2 ** 20;

/** UTF-8 text. `what` names the file in messages. @throws DatasetError `bad_file`; FilesError `not_found`, `not_a_file`, `too_large`, … */
export async function readText(path: string, what: string): Promise<string> {
  const bytes = await readFileWithin(path, MAX_TEXT_BYTES, what);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new DatasetError("bad_file", `${what} — expected UTF-8 text, got other bytes. Save it as UTF-8.`, { cause });
  }
}

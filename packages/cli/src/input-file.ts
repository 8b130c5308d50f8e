// A file that the user named (a bank, a list of classes, attribute sentences) → its bytes, text or lines. Images have their own reader.

import { resolve } from "node:path";
import { readFileWithin } from "@biovlm/files/node";

/** Largest files taken, in bytes. */
export const INPUT_LIMITS = { bank: 512 * 2 ** 20, list: 4 * 2 ** 20, attributes: 64 * 2 ** 20 } as const;

/** The bytes of a regular file of at most `most` bytes. @throws FilesError `not_a_file` (exit 3), `too_large`, or the system's refusal */
export function readInput(cwd: string, given: string, most: number): Promise<Uint8Array> {
  return readFileWithin(resolve(cwd, given), most, given);
}

export async function readInputText(cwd: string, given: string, most: number): Promise<string> {
  return new TextDecoder().decode(await readInput(cwd, given, most));
}

// A file that the user named (a bank, a list of classes, attribute sentences) → its bytes, text or lines. Images have their own reader.

import { open } from "node:fs/promises";
import { resolve } from "node:path";
import { CliError, notFoundError } from "./errors.js";
import { EXIT } from "./exit-codes.js";

/** Largest files taken, in bytes. */
export const INPUT_LIMITS = { bank: 512 * 2 ** 20, list: 4 * 2 ** 20, attributes: 64 * 2 ** 20 } as const;

/**
 * The bytes of a regular file of at most `most` bytes.
 * @throws CliError `not_a_file` (exit 3), `too_large` (exit 1), or the system's error
 */
export async function readInput(cwd: string, given: string, most: number): Promise<Uint8Array> {
  const handle = await open(resolve(cwd, given), "r");
  try {
    const info = await handle.stat();
    if (!info.isFile()) {
      throw notFoundError("not_a_file", `${given} — expected a file, got ${info.isDirectory() ? "a folder" : "a device, pipe or socket"}`);
    }
    if (info.size > most) throw new CliError("too_large", EXIT.failure, `${given} — expected at most ${most} bytes, got ${info.size}`);
    return new Uint8Array(await handle.readFile());
  } finally {
    await handle.close();
  }
}

export async function readInputText(cwd: string, given: string, most: number): Promise<string> {
  return new TextDecoder().decode(await readInput(cwd, given, most));
}

/** Lines with text in them, trimmed. */
export async function readInputLines(cwd: string, given: string): Promise<string[]> {
  const lines = (await readInputText(cwd, given, INPUT_LIMITS.list)).split(/\r?\n/).map((line) => line.trim());
  return lines.filter((line) => line !== "");
}

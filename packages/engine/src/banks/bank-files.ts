// Bank files of served names: read once at the start, read again when they change. A changed file that is torn or does not fit is refused by
// whoever is told, and the bank that was there goes on; the file is looked at again when it changes once more.

import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { EngineError } from "../contract/errors.js";

/** A bank by name: its bytes, or a file that is watched. */
export type BankFile = { readonly name: string } & ({ readonly bytes: Uint8Array } | { readonly path: string });

const MAX_BANK_BYTES = 1024 * 1024 * 1024;

export async function readBankFile(bank: BankFile): Promise<Uint8Array> {
  if ("bytes" in bank) return bank.bytes;
  const { size } = await stat(bank.path);
  if (size > MAX_BANK_BYTES)
    throw new EngineError("bad_bank", `bank file — expected at most ${MAX_BANK_BYTES} bytes, got ${size}. Use another.`);
  return readFile(bank.path);
}

/**
 * Looks at the files every `everyMs` (modification time and size, then sha256).
 * @param changed told the new bytes of a file whose content is another; a rejection is passed on to `refused` by its code
 * @returns ends the watch
 */
export function watchBankFiles(
  banks: readonly BankFile[],
  changed: (name: string, bytes: Uint8Array) => Promise<void>,
  refused: (name: string, code: string) => void,
  everyMs = 2000,
): () => void {
  const files = banks.flatMap((bank) => ("path" in bank ? [{ bank, stamp: "", digest: "" }] : []));
  let busy = false;
  const look = async () => {
    if (busy) return;
    busy = true;
    for (const file of files) {
      try {
        const { mtimeMs, size } = await stat(file.bank.path);
        const stamp = `${mtimeMs}:${size}`;
        if (stamp === file.stamp) continue;
        const bytes = await readBankFile(file.bank);
        const digest = createHash("sha256").update(bytes).digest("hex");
        const first = file.stamp === "";
        const same = digest === file.digest;
        Object.assign(file, { stamp, digest });
        if (!first && !same) await changed(file.bank.name, bytes);
      } catch (error) {
        const code = typeof error === "object" && error !== null ? Reflect.get(error, "code") : undefined;
        refused(file.bank.name, typeof code === "string" ? code : "io_error");
      }
    }
    busy = false;
  };
  if (files.length === 0) return () => {};
  void look();
  const timer = setInterval(() => void look(), everyMs);
  timer.unref();
  return () => clearInterval(timer);
}

// Uploaded banks that outlast the server: each is a file of a folder, written when the engine has taken it and put on the shelf again at the next
// start. The bank that the server was started with is not among them: its own file, or its classes, say what it is.

import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { BankFile, Engine, EngineObserver } from "@biovlm/engine";
import { BiovlmError, NAME_PATTERN } from "@biovlm/files";
import { readFileWithin, writeFileAtomic } from "@biovlm/files/node";
import type { Logger } from "pino";
import { ServerError } from "./errors.js";
import type { ServingOptions } from "./options.js";

const ENDING = ".safetensors";
const MAX_BANK_BYTES = 512 * 2 ** 20;

/**
 * The banks of the folder, by name; it is made where it is not there. Other files in it are left alone. None without a folder.
 * @param served names of the server's own banks: one that was kept under such a name before is left out
 * @param refused is told of what is left out, a file that cannot be read too; its code
 * @throws FilesError where the folder cannot be made or listed
 */
export async function keptBanks(
  { banksDir: folder }: Pick<ServingOptions, "banksDir">,
  served: readonly string[],
  refused: (name: string, code: string) => void,
): Promise<BankFile[]> {
  if (folder === undefined) return [];
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const names = (await readdir(folder))
    .filter((file) => file.endsWith(ENDING))
    .map((file) => file.slice(0, -ENDING.length))
    .filter((name) => NAME_PATTERN.test(name))
    .sort();
  const banks: BankFile[] = [];
  for (const name of names) {
    if (served.includes(name)) {
      refused(name, "conflict");
      continue;
    }
    try {
      banks.push({ name, bytes: await readFileWithin(join(folder, `${name}${ENDING}`), MAX_BANK_BYTES, "a kept bank") });
    } catch (error) {
      // one that cannot be read keeps the others from nobody
      refused(name, error instanceof BiovlmError ? error.code : "failed");
    }
  }
  return banks;
}

/** @returns the same observer, which also says in the log which bank was refused: an upload, or at the start a kept one that fits no more */
export function refusalsLogged(observer: EngineObserver, logger: Logger): EngineObserver {
  return {
    ...observer,
    bankRefused(name, code) {
      observer.bankRefused(name, code);
      logger.warn({ ...(NAME_PATTERN.test(name) ? { bank: name } : {}), code }, "bank refused");
    },
  };
}

/** @returns the same engine; a bank that it takes is kept in the folder, where there is one, but for those of `served`, which are the server's own */
export function bankKeepingEngine(
  engine: Engine,
  { banksDir: folder }: Pick<ServingOptions, "banksDir">,
  served: readonly string[],
): Engine {
  if (folder === undefined) return engine;
  const keep: Engine["addBank"] = async (name, bytes) => {
    const added = await engine.addBank(name, bytes);
    if (served.includes(name)) return added;
    try {
      await writeFileAtomic(join(folder, `${name}${ENDING}`), bytes, { mode: 0o600 });
    } catch (cause) {
      throw new ServerError(
        "not_kept",
        "bank — expected to be kept for the next start, got a failure; it is in use until then. Upload it again later.",
        { cause, retryAfter: 30 },
      );
    }
    return added;
  };
  // one after another: of two uploads under a name, the one in use is the one that is kept
  let turn: Promise<unknown> = Promise.resolve();
  const addBank: Engine["addBank"] = (name, bytes) => {
    const added = turn.then(() => keep(name, bytes));
    turn = added.catch(() => {});
    return added;
  };
  return new Proxy(engine, {
    get(target, name) {
      if (name === "addBank") return addBank;
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

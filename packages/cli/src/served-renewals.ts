// What `biovlm serve` reads again while it runs, when its files change or at SIGHUP: keys, the certificate, the bank.

import { resolve } from "node:path";
import type { Engine } from "@biovlm/engine";
import { type ApiKey, type createServer, parseKeys, type Renewable, renewCertificate, type ServingOptions } from "@biovlm/server";
import { readInputText } from "./input-file.js";
import type { ServedName, ServeOptions } from "./served-engine.js";

const MOST_BYTES = 2 ** 20;

/** What changes in a server that runs; filled as it comes to be. */
export interface Renewed {
  keys: readonly ApiKey[];
  app?: Awaited<ReturnType<typeof createServer>>;
  /** settles when it is ready */
  engine?: Promise<Engine>;
}

/** The keys of the keys file. @throws ServerError `bad_option`, or FilesError as reading it does */
export async function readKeys({ keysFile }: ServeOptions, cwd: string): Promise<readonly ApiKey[]> {
  return keysFile === undefined ? [] : parseKeys(await readInputText(cwd, keysFile, MOST_BYTES));
}

/** What is read again; nothing that has no file. */
export function renewablesOf(
  names: readonly ServedName[],
  options: ServeOptions,
  serving: ServingOptions,
  cwd: string,
  renewed: Renewed,
): Renewable[] {
  const { tlsCert, tlsKey } = serving;
  const { keysFile } = options;
  const places = (...files: readonly (string | undefined)[]) => files.flatMap((file) => (file === undefined ? [] : [resolve(cwd, file)]));
  const all: Renewable[] = [
    {
      what: "keys",
      files: places(keysFile),
      renew: async () => {
        renewed.keys = await readKeys(options, cwd);
      },
    },
    {
      what: "certificate",
      files: places(tlsCert, tlsKey),
      renew: async () => {
        if (renewed.app !== undefined) await renewCertificate(renewed.app, serving);
      },
    },
    ...names.flatMap((name) =>
      name.files.map(
        ({ bank, files }): Renewable => ({
          what: "bank",
          files: places(...files),
          renew: async () => {
            const engine = await renewed.engine;
            await engine?.renewBank(bank);
          },
        }),
      ),
    ),
  ];
  return all.filter(({ files }) => files.length > 0);
}

// `biovlm data …`: data sets on this machine.
// The work alone: what it is asked for by is data.ts.

import { resolve } from "node:path";
import { listData, pullDataset, verifyData } from "@biovlm/datasets/node";
import type { CommandRun } from "../command.js";
import { EXIT } from "../exit-codes.js";
import { printable } from "../terminal.js";
import type { DATA_LS_OPTIONS, DATA_PULL_OPTIONS, DATA_VERIFY_OPTIONS } from "./data.js";

export const pullData: CommandRun<typeof DATA_PULL_OPTIONS> = async ({ terminal, signal, cwd }, options, names) => {
  for (const name of names) {
    let bar: ReturnType<typeof terminal.progress> | undefined;
    let seen = 0;
    const file = await pullDataset(name, {
      size: Number(options.size) as 28 | 224,
      signal,
      ...(options.data === undefined ? {} : { root: resolve(cwd, options.data) }),
      ...(options.from === undefined ? {} : { from: resolve(cwd, options.from) }),
      onProgress(done, total) {
        bar ??= terminal.progress(name, Math.ceil((total ?? 0) / 1e6), "MB");
        const now = Math.floor(done / 1e6);
        if (now > seen) bar.advance(now - seen);
        seen = now;
      },
      onWait: () => terminal.note(`waiting: another process is fetching ${name}`),
    }).finally(() => bar?.end());
    await terminal.line(`${name}  ${megabytes(file.bytes)}  ${printable(file.path)}${file.fresh ? "" : "  (was there already)"}`);
  }
  return undefined;
};

export const listDataSets: CommandRun<typeof DATA_LS_OPTIONS> = async ({ terminal, cwd }, options) => {
  const listing = await listData(options.data === undefined ? undefined : resolve(cwd, options.data));
  if (options.json) await terminal.line(JSON.stringify(listing));
  else {
    terminal.note(`in ${printable(listing.root)}`);
    for (const file of listing.files)
      await terminal.line(`${file.dataset.padEnd(16)} ${String(file.size).padStart(3)} px  ${megabytes(file.bytes)}`);
    for (const other of listing.others) await terminal.line(`${other.dataset.padEnd(16)} ${printable(other.path)}`);
  }
  return undefined;
};

export const verifyDataSets: CommandRun<typeof DATA_VERIFY_OPTIONS> = async ({ terminal, signal, cwd }, options, names) => {
  const files = await verifyData(names, options.data === undefined ? undefined : resolve(cwd, options.data), signal);
  for (const { dataset, size, ok } of files) {
    await terminal.line(
      `${dataset.padEnd(16)} ${String(size).padStart(3)} px  ${ok === undefined ? "no MD5 is published for this size" : ok ? "ok" : "DAMAGED"}`,
    );
  }
  if (files.length === 0) terminal.note("no official file found");
  return files.some((f) => f.ok === false) ? EXIT.integrity : EXIT.ok;
};

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

// `biovlm data …`: data sets on this machine.

import { resolve } from "node:path";
import { defineCommand } from "../command.js";
import { EXIT } from "../exit-codes.js";
import { printable } from "../terminal.js";

const DATA = {
  data: { type: "text", value: "DIR", completes: "folder", setting: true, description: "folder with data sets, instead of BIOVLM_DATA" },
} as const;
const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

export const dataPull = defineCommand({
  name: "data pull",
  summary: "fetch a MedMNIST set, checked by its published MD5",
  description: ["A cut download goes on where it was. --from takes the file from a folder instead of the network."],
  arguments: [{ name: "name", description: "data sets, e.g. breastmnist", many: true }],
  options: {
    size: { type: "choice", choices: ["28", "224"], default: "28", description: "image side in pixels" },
    from: { type: "text", value: "DIR", completes: "folder", description: "a folder that holds the official file" },
    ...DATA,
  },
  async run({ terminal, signal, cwd }, options, names) {
    const { pullDataset } = await import("@biovlm/datasets/node");
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
  },
});

export const dataLs = defineCommand({
  name: "data ls",
  summary: "list data sets of this machine",
  options: { json: { type: "flag", description: "print JSON" }, ...DATA },
  async run({ terminal, cwd }, options) {
    const { listData } = await import("@biovlm/datasets/node");
    const listing = await listData(options.data === undefined ? undefined : resolve(cwd, options.data));
    if (options.json) await terminal.line(JSON.stringify(listing));
    else {
      terminal.note(`in ${printable(listing.root)}`);
      for (const file of listing.files)
        await terminal.line(`${file.dataset.padEnd(16)} ${String(file.size).padStart(3)} px  ${megabytes(file.bytes)}`);
      for (const other of listing.others) await terminal.line(`${other.dataset.padEnd(16)} ${printable(other.path)}`);
    }
    return undefined;
  },
});

export const dataVerify = defineCommand({
  name: "data verify",
  summary: "check data sets by their published MD5",
  arguments: [{ name: "name", description: "data sets; all when absent", optional: true, many: true }],
  options: DATA,
  async run({ terminal, signal, cwd }, options, names) {
    const { verifyData } = await import("@biovlm/datasets/node");
    const files = await verifyData(names, options.data === undefined ? undefined : resolve(cwd, options.data), signal);
    for (const { dataset, size, ok } of files) {
      await terminal.line(
        `${dataset.padEnd(16)} ${String(size).padStart(3)} px  ${ok === undefined ? "no MD5 is published for this size" : ok ? "ok" : "DAMAGED"}`,
      );
    }
    if (files.length === 0) terminal.note("no official file found");
    return files.some((f) => f.ok === false) ? EXIT.integrity : EXIT.ok;
  },
});

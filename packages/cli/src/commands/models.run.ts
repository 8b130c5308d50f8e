// `biovlm models …`: the store of models on this machine.
// The work alone: what it is asked for by is models.ts.

import { resolve } from "node:path";
import { checkName } from "@biovlm/files";
import { openModelStore, pullModel } from "@biovlm/model/node";
import { tinyModel } from "@biovlm/model-tiny/node";
import type { CommandContext, CommandRun } from "../command.js";
import { EXIT } from "../exit-codes.js";
import { printable } from "../terminal.js";
import type { MODELS_BUNDLE_OPTIONS, MODELS_IMPORT_OPTIONS, MODELS_LS_OPTIONS, MODELS_PULL_OPTIONS } from "./models.js";

export const pullToStore: CommandRun<typeof MODELS_PULL_OPTIONS> = async ({ terminal, signal }, options, [repo = ""]) => {
  const progress = byteProgress(terminal);
  const model = await pullModel(openModelStore(), repo, {
    signal,
    ...(options.name === undefined ? {} : { name: options.name }),
    ...(options.revision === undefined ? {} : { revision: options.revision }),
    ...(options.sha256 === undefined ? {} : { weightsSha256: options.sha256 }),
    ...(options.weights === undefined ? {} : { weights: options.weights }),
    replace: options.replace,
    updateLock: options.updateLock,
    onProgress: progress.onProgress,
    onWait: (file, pid) => terminal.note(`waiting: ${printable(file)} is being fetched by process ${pid ?? "unknown"}`),
  }).finally(progress.end);
  if (options.json) await terminal.line(JSON.stringify({ name: model.name, digest: model.manifest.digest, fresh: model.fresh }));
  else await terminal.line(`${model.name}  ${model.manifest.digest}${model.fresh ? "" : "  (was there already)"}`);
  return undefined;
};

export const importToStore: CommandRun<typeof MODELS_IMPORT_OPTIONS> = async ({ terminal, signal, cwd }, options, [path = ""]) => {
  const model = await openModelStore().importFrom(resolve(cwd, path), {
    signal,
    replace: options.replace,
    link: options.link,
    ...(options.name === undefined ? {} : { name: options.name }),
    ...(options.weights === undefined ? {} : { weights: options.weights }),
    ...(options.licence === undefined ? {} : { licence: options.licence }),
    onProgress: (file) => terminal.note(`reading ${printable(file)}`),
  });
  if (options.json) await terminal.line(JSON.stringify({ name: model.name, digest: model.manifest.digest }));
  else await terminal.line(`${model.name}  ${model.manifest.digest}`);
  return undefined;
};

export const listModels: CommandRun<typeof MODELS_LS_OPTIONS> = async ({ terminal }, options) => {
  const tiny = await tinyModel();
  const stored = await openModelStore().list();
  const rows: { name: string; digest?: string; bytes?: number; source?: string; problem?: string }[] = [
    { name: tiny.name, digest: tiny.digest, source: "embedded" },
    ...stored.map((m) =>
      "problem" in m
        ? { name: m.name, problem: m.problem.message }
        : {
            name: m.name,
            digest: m.manifest.digest,
            bytes: m.manifest.files.reduce((a, f) => a + f.size, 0),
            source: sourceText(m.manifest.source),
          },
    ),
  ];
  if (options.json) await terminal.line(JSON.stringify(rows));
  else {
    const widest = Math.max(...rows.map((r) => r.name.length));
    for (const row of rows) {
      const text =
        row.problem !== undefined
          ? `damaged: ${printable(row.problem)}`
          : `${(row.digest ?? "").slice(0, 19)}  ${row.bytes === undefined ? "" : megabytes(row.bytes)}  ${printable(row.source ?? "")}`;
      await terminal.line(`${row.name.padEnd(widest)}  ${text}`);
    }
  }
  return undefined;
};

export const verifyModels: CommandRun<Record<never, never>> = async ({ terminal, signal }, _options, names) => {
  const store = openModelStore();
  const wanted = names.length > 0 ? names : (await store.list()).map((m) => m.name);
  if (wanted.length === 0) terminal.note("the store is empty; the embedded model is checked at every load");
  let damaged = 0;
  for (const name of wanted) {
    try {
      await store.verify(name, { signal });
      await terminal.line(`${name}  ok`);
    } catch (error) {
      if ((error as { code?: unknown }).code !== "integrity") throw error;
      damaged++;
      terminal.error(`error[integrity]: ${printable((error as Error).message)}`);
    }
  }
  return damaged === 0 ? EXIT.ok : EXIT.integrity;
};

export const removeModels: CommandRun<Record<never, never>> = async ({ terminal }, _options, names) => {
  const store = openModelStore();
  for (const name of names) {
    await store.remove(name);
    terminal.note(`${name} removed`);
  }
  return undefined;
};

export const bundleModel: CommandRun<typeof MODELS_BUNDLE_OPTIONS> = async ({ terminal, signal, cwd }, options, [name = ""]) => {
  checkName(name);
  const file = resolve(cwd, options.out ?? `${name}.tar`);
  await openModelStore().exportBundle(name, file, { replace: options.replace, signal });
  terminal.note(`wrote ${file}`);
  return undefined;
};

function megabytes(bytes: number): string {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** A progress bar in megabytes for each file in turn. */
function byteProgress(terminal: CommandContext["terminal"]) {
  let bar: { advance(n?: number): void; end(): void } | undefined;
  let current = "";
  let seen = 0;
  return {
    onProgress({ file, received, size }: { file: string; received: number; size: number }) {
      if (file !== current) {
        bar?.end();
        bar = terminal.progress(printable(file), Math.ceil(size / 1e6), "MB");
        current = file;
        seen = 0;
      }
      const now = Math.floor(received / 1e6);
      if (now > seen) bar?.advance(now - seen);
      seen = now;
    },
    end: () => bar?.end(),
  };
}

function sourceText(source: object): string {
  const { repo, file } = source as { repo?: string; file?: string };
  return repo ?? file ?? "import";
}

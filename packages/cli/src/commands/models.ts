// `biovlm models …`: the store of models on this machine.

import { resolve } from "node:path";
import { type CommandContext, defineCommand } from "../command.js";
import { EXIT } from "../exit-codes.js";
import { printable } from "../terminal.js";

const JSON_OPTION = { json: { type: "flag", description: "print JSON" } } as const;

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

export const modelsPull = defineCommand({
  name: "models pull",
  summary: "download a model from a hub, verified, into the store",
  description: [
    "Digests and sizes come from the hub, are checked on arrival and kept in a lock file that later pulls must match. --revision and --sha256 pin by hand.",
    "Uses the Hugging Face cache and its variables (HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE). A cut download goes on where it was.",
  ],
  arguments: [{ name: "repo", description: "repository, owner/name" }],
  options: {
    name: { type: "text", value: "NAME", description: "name in the store; the repository's own when absent" },
    revision: { type: "text", value: "REV", description: "branch, tag or commit" },
    sha256: { type: "text", value: "HEX", description: "sha256 that the weights must have" },
    weights: { type: "text", value: "FILE", description: "weights file, where a repository has several" },
    replace: { type: "flag", description: "replace a model of the same name" },
    updateLock: { type: "flag", description: "take what the hub has now, and write it to the lock file" },
    ...JSON_OPTION,
  },
  examples: [
    { command: "biovlm models pull microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224 --name biomedclip", shows: "BiomedCLIP" },
  ],
  async run({ terminal, signal }, options, [repo = ""]) {
    const { openModelStore, pullModel } = await import("@biovlm/model/node");
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
  },
});

export const modelsImport = defineCommand({
  name: "models import",
  summary: "take a model from a folder, a weights file or a bundle into the store",
  description: [
    "Reads safetensors and torch checkpoints, in open_clip's and in transformers' layout. open_clip_config.json and the tokenizer lie beside the weights.",
  ],
  arguments: [{ name: "path", description: "folder, weights file or bundle", completes: "file" }],
  options: {
    name: { type: "text", value: "NAME", description: "name in the store; made from the path when absent" },
    weights: { type: "text", value: "FILE", description: "weights file, where a folder holds several" },
    replace: { type: "flag", description: "replace a model of the same name" },
    link: { type: "flag", description: "share the disk blocks of files that are taken as they are" },
    licence: { type: "text", value: "TEXT", description: "licence to note" },
    ...JSON_OPTION,
  },
  async run({ terminal, signal, cwd }, options, [path = ""]) {
    const { openModelStore } = await import("@biovlm/model/node");
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
  },
});

export const modelsLs = defineCommand({
  name: "models ls",
  summary: "list the models of this machine",
  options: JSON_OPTION,
  async run({ terminal }, options) {
    const [{ openModelStore }, { tinyModel }] = await Promise.all([import("@biovlm/model/node"), import("@biovlm/model-tiny/node")]);
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
  },
});

function sourceText(source: object): string {
  const { repo, file } = source as { repo?: string; file?: string };
  return repo ?? file ?? "import";
}

export const modelsVerify = defineCommand({
  name: "models verify",
  summary: "hash every file of stored models",
  description: ["A model that is not what its manifest says is moved to quarantine; the exit code is then 4."],
  arguments: [{ name: "name", description: "models; all when absent", optional: true, many: true }],
  options: {},
  async run({ terminal, signal }, _options, names) {
    const { openModelStore } = await import("@biovlm/model/node");
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
        terminal.error(`error[integrity]: ${printable((error as Error).message.replace(/^\[[^\]]*\] /, ""))}`);
      }
    }
    return damaged === 0 ? EXIT.ok : EXIT.integrity;
  },
});

export const modelsRm = defineCommand({
  name: "models rm",
  summary: "remove models from the store",
  arguments: [{ name: "name", description: "models to remove", many: true }],
  options: {},
  async run({ terminal }, _options, names) {
    const { openModelStore } = await import("@biovlm/model/node");
    const store = openModelStore();
    for (const name of names) {
      await store.remove(name);
      terminal.note(`${name} removed`);
    }
    return undefined;
  },
});

export const modelsBundle = defineCommand({
  name: "models bundle",
  summary: "write a stored model as one file for a machine without network",
  description: ["`biovlm models import FILE` takes it in on the other side, with every digest checked."],
  arguments: [{ name: "name", description: "model of the store" }],
  options: {
    out: { type: "text", value: "FILE", completes: "file", description: "the bundle; NAME.tar when absent" },
    replace: { type: "flag", description: "replace a file that is there" },
  },
  async run({ terminal, signal, cwd }, options, [name = ""]) {
    const [{ checkName }, { openModelStore }] = await Promise.all([import("@biovlm/files"), import("@biovlm/model/node")]);
    checkName(name);
    const file = resolve(cwd, options.out ?? `${name}.tar`);
    await openModelStore().exportBundle(name, file, { replace: options.replace, signal });
    terminal.note(`wrote ${file}`);
    return undefined;
  },
});

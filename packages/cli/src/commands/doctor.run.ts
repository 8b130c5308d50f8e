// `biovlm doctor`: what is installed here, which devices work, and why the others do not.
// The work alone: what it is asked for by is doctor.ts.

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { arch, availableParallelism, platform, release, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { backendsFor, cpuQuota, fastImages, imageTowers, openCore, usableCpus } from "@biovlm/engine";
import { isBiovlmError } from "@biovlm/files";
import { dataFolders } from "@biovlm/files/node";
import { chooseBackend, probeBackends } from "@biovlm/model";
import { hubSettings, type ModelStore, openModelStore } from "@biovlm/model/node";
import { tinyModel } from "@biovlm/model-tiny/node";
import type { CommandRun } from "../command.js";
import { EXIT } from "../exit-codes.js";
import { printable } from "../terminal.js";
import { version } from "../version.js";
import type { DOCTOR_OPTIONS } from "./doctor.js";

export const examine: CommandRun<typeof DOCTOR_OPTIONS> = async ({ terminal, env }, options) => {
  const probed = await probeBackends(await backendsFor("auto"));
  const core = await openCore({ deterministic: false });
  const folders = dataFolders();
  const tiny = await tinyModel();
  const { models, unread } = await storedModels();
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  const facts = {
    version: version(),
    node: process.version,
    system: `${platform()} ${release()} ${arch()}`,
    libc:
      platform() === "linux"
        ? report?.header?.glibcVersionRuntime === undefined
          ? "musl"
          : `glibc ${report.header.glibcVersionRuntime}`
        : undefined,
    cpus: availableParallelism(),
    quota: cpuQuota(),
    threads: usableCpus(),
    memory: `${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
    core: core.info.build,
    scores: core.info.native === undefined ? "the core" : `native (${core.info.native.name})`,
    images: await imagesOf(env),
    int8: await int8Of(env),
    libraries: Object.fromEntries(LIBRARIES.map(([library, owner]) => [library, installedVersion(library, owner) ?? null])),
    devices: probed.map(({ backend, probe }) => ({ name: backend.name, ...probe })),
    auto: choose(() => chooseBackend("auto", probed).backend.name),
    models: [
      { name: tiny.name, digest: tiny.digest },
      ...models.map((m) => ("problem" in m ? { name: m.name, problem: m.problem.message } : { name: m.name, digest: m.manifest.digest })),
    ],
    store: folders.models,
    ...(unread === undefined ? {} : { storeProblem: unread }),
    cache: folders.cache,
    offline: hubSettings().offline,
    data: env["BIOVLM_DATA"],
  };
  if (options.json) await terminal.line(JSON.stringify(facts));
  else {
    const row = (name: string, value: string | undefined) =>
      value === undefined ? Promise.resolve() : terminal.line(`${name.padEnd(8)} ${printable(value)}`);
    await row("biovlm", `${facts.version} on Node ${facts.node}`);
    await row("system", `${facts.system}${facts.libc === undefined ? "" : `, ${facts.libc}`}, ${facts.cpus} CPUs, ${facts.memory}`);
    if (facts.quota !== undefined)
      await row(
        "quota",
        `${facts.quota.toFixed(2)} CPUs (control group): ${facts.threads} thread${facts.threads === 1 ? "" : "s"} unless --threads says otherwise`,
      );
    await row("core", `${facts.core}${facts.core === "reference" ? " (slow: this engine has no WASM SIMD)" : ""}`);
    await row("scores", facts.scores);
    await row("images", facts.images);
    await row("int8", `image towers on cpu: ${facts.int8}`);
    const libraries = Object.entries(facts.libraries).map(([name, found]) => `${name} ${found ?? "absent"}`);
    await row("uses", libraries.join(", "));
    for (const device of facts.devices) {
      const mark = device.available
        ? device.name === facts.auto
          ? terminal.out.green("✓ (auto)")
          : terminal.out.green("✓")
        : terminal.out.yellow("–");
      await terminal.line(
        `${device.name.padEnd(8)} ${mark} ${printable(device.available ? device.detail : device.reason.split("\n")[0]!)}`,
      );
    }
    for (const model of facts.models)
      await row("model", `${model.name}  ${"problem" in model ? `damaged: ${model.problem}` : model.digest}`);
    await row("store", `${facts.store}${facts.storeProblem === undefined ? "" : `  cannot be read: ${facts.storeProblem}`}`);
    await row("cache", facts.cache);
    await row("hub", facts.offline ? "offline (HF_HUB_OFFLINE)" : "asked only by models pull");
    await row("data", facts.data ?? "no BIOVLM_DATA");
  }
  return facts.auto === undefined ? EXIT.backend : EXIT.ok;
};

/** Models that are kept; of a store that cannot be read the reason: whoever asks what is wrong is told all of it. */
async function storedModels(): Promise<{ readonly models: Awaited<ReturnType<ModelStore["list"]>>; readonly unread?: string }> {
  try {
    return { models: await openModelStore().list() };
  } catch (error) {
    if (!isBiovlmError(error)) throw error;
    return { models: [], unread: error.message };
  }
}

/** Who prepares images for embed, classify, bulk and serve: sharp and the core, or the native build for the formats that it has. */
async function imagesOf(env: Readonly<Record<string, string | undefined>>): Promise<string> {
  const { prepare, detail } = await fastImages(env);
  return prepare === undefined ? `sharp (no native way: ${detail})` : `${detail}; sharp for others, and for learning`;
}

/** Who computes image towers in int8 on the processor. */
async function int8Of(env: Readonly<Record<string, string | undefined>>): Promise<string> {
  const { towers, reason } = await imageTowers({ precision: "int8", deterministic: false }, env);
  return towers?.name ?? `onnxruntime (${reason})`;
}

/** Libraries that decide what works here, and the package of ours that brings each. */
const LIBRARIES = [
  ["onnxruntime-node", "@biovlm/backend-cuda"],
  ["onnxruntime-web", "@biovlm/backend-web"],
  ["sharp", "@biovlm/imaging"],
] as const;

/** The version that `owner` would load, or undefined where it is not installed. */
function installedVersion(library: string, owner: string): string | undefined {
  try {
    const path = createRequire(import.meta.resolve(owner)).resolve(library);
    for (let folder = dirname(path); folder !== dirname(folder); folder = dirname(folder)) {
      const manifest = join(folder, "package.json");
      if (!existsSync(manifest)) continue;
      const { name, version } = JSON.parse(readFileSync(manifest, "utf8")) as { name?: string; version?: string };
      if (name === library) return version;
    }
  } catch {
    // not installed
  }
  return undefined;
}

function choose<T>(pick: () => T): T | undefined {
  try {
    return pick();
  } catch {
    return undefined;
  }
}

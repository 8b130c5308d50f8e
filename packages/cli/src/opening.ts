// From options to something that runs: a model by name or folder, a backend by device, the numeric core. The one table of backends is here;
// every package in it is imported late, so that help and errors do not wait for runtimes.

import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { Core } from "@biovlm/core";
import type { Device, Encoder, EncoderBackend, Model } from "@biovlm/model";

export const DEVICES = ["auto", "cuda", "webgpu", "cpu", "wasm"] as const;
export const PRECISIONS = ["fp32", "fp16", "int8"] as const;

/** Options that every command with a model has. */
export const RUNTIME_OPTIONS = {
  model: {
    type: "text",
    value: "NAME|DIR",
    default: "tiny",
    setting: true,
    description: "model: tiny, one of the store, or a folder",
    completes: "folder",
  },
  device: { type: "choice", choices: DEVICES, default: "auto", setting: true, description: "where the towers run" },
  threads: { type: "integer", min: 1, max: 1024, setting: true, description: "CPU or WASM threads; what the machine offers when absent" },
  precision: { type: "choice", choices: PRECISIONS, default: "fp32", setting: true, description: "arithmetic of the towers" },
  deterministic: { type: "flag", setting: true, description: "the same bits on every machine: plain SIMD in the core" },
} as const;

export interface RuntimeOptions {
  readonly model: string;
  readonly device: string;
  readonly threads: number | undefined;
  readonly precision: string;
  readonly deterministic: boolean;
}

/** Everything a command computes with. */
export interface Runtime {
  readonly core: Core;
  readonly model: Model;
  readonly encoder: Encoder;
  /** what the chosen device's probe said */
  readonly detail: string;
  /** under `auto`: other devices and why they were not taken */
  readonly passedOver: readonly { readonly name: string; readonly reason: string }[];
  close(): Promise<void>;
}

/** Name → how its backend is had. Order is that of `auto` among equal scores. */
const BACKENDS: readonly { readonly device: Device; load(threads: number | undefined): Promise<EncoderBackend> }[] = [
  { device: "cuda", load: async (threads) => (await import("@biovlm/backend-cuda")).cudaBackend(threadOption(threads)) },
  { device: "webgpu", load: async (threads) => (await import("@biovlm/backend-cuda")).webgpuBackend(threadOption(threads)) },
  { device: "cpu", load: async (threads) => (await import("@biovlm/backend-cuda")).cpuBackend(threadOption(threads)) },
  { device: "wasm", load: async (threads) => (await import("@biovlm/backend-web")).wasmBackend(threadOption(threads)) },
];

function threadOption(threads: number | undefined): { threads?: number } {
  return threads === undefined ? {} : { threads };
}

/** The backends to ask for a device; all of them for `auto`. */
export function backendsFor(device: string, threads?: number): Promise<EncoderBackend[]> {
  return Promise.all(BACKENDS.filter((b) => device === "auto" || b.device === device).map((b) => b.load(threads)));
}

/** Opens core, model and encoder. Throws what their packages throw: `no_backend`, `not_found`, `integrity`, … */
export async function openRuntime(options: RuntimeOptions, cwd: string): Promise<Runtime> {
  const [{ loadCore }, { chooseBackend, probeBackends }] = await Promise.all([import("@biovlm/core"), import("@biovlm/model")]);
  const core = await loadCore({ deterministic: options.deterministic });
  const { model, close } = await openModel(options.model, options.precision as Model["graphs"]["precision"], cwd);
  try {
    const choice = chooseBackend(
      options.device as Device | "auto",
      await probeBackends(await backendsFor(options.device, options.threads)),
    );
    const encoder = await choice.backend.open(model.graphs);
    return {
      core,
      model,
      encoder,
      detail: choice.detail,
      passedOver: choice.passedOver,
      async close() {
        await encoder.close();
        close();
      },
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** A model: the embedded one, a folder's, or one of the store. */
export async function openModel(
  given: string,
  precision: Model["graphs"]["precision"],
  cwd: string,
): Promise<{ readonly model: Model; close(): void }> {
  if (given === "tiny") {
    const { tinyModel } = await import("@biovlm/model-tiny/node");
    return { model: await tinyModel({ precision }), close() {} };
  }
  const { loadModelFolder, loadStoredModel, openModelStore } = await import("@biovlm/model/node");
  if (/[\\/]/.test(given) || given === "." || given === "..") {
    const path = resolve(cwd, given);
    if (!existsSync(path)) throw usageErrorForPath(given);
    await stat(path);
    const model = await loadModelFolder(path, { precision });
    return { model, close: () => model.close() };
  }
  const model = await loadStoredModel(openModelStore(), given, { precision });
  return { model, close: () => model.close() };
}

function usageErrorForPath(given: string) {
  return Object.assign(new Error(`no such model folder — ${given}`), { code: "not_found" });
}

/** Says on stderr which devices were passed over, where that may surprise. */
export function fallbackNote(runtime: Runtime): string | undefined {
  const missing = runtime.passedOver.find((p) => p.name === "cpu");
  if (runtime.encoder.capabilities.device !== "wasm" || missing === undefined) return undefined;
  return `running on wasm, because cpu is not usable here: ${missing.reason.split("\n")[0]}`;
}

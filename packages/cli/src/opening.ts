// From options to something that runs: a model by name or folder, a backend by device, the numeric core. The opening itself, with the table of
// backends, is the server's; it is imported late, so that help and errors do not wait for runtimes.

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Core } from "@biovlm/core";
import type { OpeningSpec } from "@biovlm/engine";
import type { DeviceChange, Encoder, Model } from "@biovlm/model";

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
  deterministic: {
    type: "flag",
    setting: true,
    description: "the same bits on every machine: plain SIMD in the core; served int8 towers run on one image at a time",
  },
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

/**
 * Opens core, model and encoder. Throws what their packages throw: `no_backend`, `not_found`, `integrity`, …
 * @param onChange told when `auto` went on with another device, or a device was opened again. Without it, one device serves from first to last:
 * what learning needs to be repeatable.
 */
export async function openRuntime(options: RuntimeOptions, cwd: string, onChange?: (change: DeviceChange) => void): Promise<Runtime> {
  const { isFolder, openCore, openEncoder, openModel } = await import("@biovlm/engine");
  const folder = isFolder(options.model);
  if (folder && !existsSync(resolve(cwd, options.model))) throw noSuchFolder(options.model);
  const spec: OpeningSpec = {
    model: folder ? resolve(cwd, options.model) : options.model,
    device: options.device as OpeningSpec["device"],
    precision: options.precision as OpeningSpec["precision"],
    deterministic: options.deterministic,
    ...(options.threads === undefined ? {} : { threads: options.threads }),
  };
  const core = await openCore(spec);
  const { model, close } = await openModel(spec);
  try {
    const listeners = onChange === undefined ? { failover: false } : { onChange };
    const { encoder, detail, passedOver } = await openEncoder(model, spec, [], listeners);
    return {
      core,
      model,
      encoder,
      detail,
      passedOver,
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

function noSuchFolder(given: string) {
  return Object.assign(new Error(`no such model folder — ${given}`), { code: "not_found" });
}

/** A change of device in the words of a warning. */
export function changeNote({ from, to, reason }: DeviceChange): string {
  const done = from === to ? `${to} was opened again` : `going on with ${to}`;
  return `${from} failed, ${done}: ${reason.split("\n")[0]}`;
}

/** Says on stderr which devices were passed over, where that may surprise. */
export function fallbackNote(runtime: Runtime): string | undefined {
  const missing = runtime.passedOver.find((p) => p.name === "cpu");
  if (runtime.encoder.capabilities.device !== "wasm" || missing === undefined) return undefined;
  return `running on wasm, because cpu is not usable here: ${missing.reason.split("\n")[0]}`;
}

// From options to something that runs: a model by name or folder, a backend by device, the numeric core. The opening itself, with the table of
// backends, is the server's. For the work of commands: what --help needs is in runtime-options.ts.

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Core } from "@biovlm/core";
import { isFolder, type OpeningSpec, openCore, openEncoder, openModel } from "@biovlm/engine";
import type { DeviceChange, Encoder, Model } from "@biovlm/model";
import type { RuntimeOptions } from "./runtime-options.js";

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
  const folder = isFolder(options.model);
  if (folder && !existsSync(resolve(cwd, options.model))) throw noSuchFolder(options.model);
  const spec: OpeningSpec = {
    model: folder ? resolve(cwd, options.model) : options.model,
    device: options.device,
    precision: options.precision,
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

// From a command's options to what the engine opens and reads, and what a person is told about the device. The work is the engine's; what
// --help needs is in runtime-options.ts and image-options.ts.

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { fileSource, type ImageSource, isFolder, type OpeningSpec, openRuntime as openSpec, type Runtime } from "@biovlm/engine";
import type { ImageOptions } from "@biovlm/engine/options";
import { FilesError, memoryStore } from "@biovlm/files";
import type { DeviceChange } from "@biovlm/model";
import type { ImageFile } from "./image-files.js";
import type { RuntimeOptions } from "./runtime-options.js";

/**
 * Opens core, model and encoder; a folder is looked for from `cwd`.
 * @param options.cache "off": nothing is looked for in the cache folder, and nothing is kept there
 * @param options.manyImages batches of images are encoded, several at a time
 * @param onChange told of a change of device; without it one device serves from first to last
 * @throws `no_backend`, `not_found`, `integrity`, …
 */
export async function openRuntime(
  options: OpeningOptions & { readonly cache?: "on" | "off"; readonly manyImages?: boolean },
  cwd: string,
  onChange?: (change: DeviceChange) => void,
): Promise<Runtime> {
  const spec = openingSpec(options, cwd);
  // said as it was given, not as it was resolved
  if (spec.model !== options.model && !existsSync(spec.model)) throw new FilesError("not_found", `no such model folder — ${options.model}`);
  return openSpec(spec, onChange, options.cache === "off" ? memoryStore() : undefined, options.manyImages);
}

/** Options of the runtime; a limit of the cache need not be given, nor what computes image towers. */
type OpeningOptions = Omit<RuntimeOptions, "maxCacheBytes"> &
  Partial<Pick<RuntimeOptions, "maxCacheBytes">> &
  Pick<OpeningSpec, "imageTower">;

/** What the engine is asked to open; a model's folder is looked for from `cwd`. */
export function openingSpec(
  { model, device, precision, deterministic, threads, maxCacheBytes, imageTower }: OpeningOptions,
  cwd: string,
): OpeningSpec {
  return {
    model: isFolder(model) ? resolve(cwd, model) : model,
    ...{ device, precision, deterministic },
    ...(threads === undefined ? {} : { threads }),
    ...(maxCacheBytes === undefined ? {} : { maxCacheBytes }),
    ...(imageTower === undefined ? {} : { imageTower }),
  };
}

/** Files as sources of images, in order. */
export function imageSources(files: readonly ImageFile[], limits: Pick<ImageOptions, "maxImageBytes">): ImageSource[] {
  return files.map((file) => fileSource(file, limits));
}

/** A change of device in the words of a warning. */
export function changeNote({ from, to, reason }: DeviceChange): string {
  const done = from === to ? `${to} was opened again` : `going on with ${to}`;
  return `${from} failed, ${done}: ${reason.split("\n")[0]}`;
}

/** Says on stderr which devices were passed over, where that may surprise. */
export function fallbackNote(runtime: Pick<Runtime, "encoder" | "passedOver">): string | undefined {
  const missing = runtime.passedOver.find((p) => p.name === "cpu");
  if (runtime.encoder.capabilities.device !== "wasm" || missing === undefined) return undefined;
  return `running on wasm, because cpu is not usable here: ${missing.reason.split("\n")[0]}`;
}

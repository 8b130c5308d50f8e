// The engine of `biovlm serve`: one name, its bank made of what the command line says, and banks that were uploaded before. It is opened once the
// server listens.

import { resolve } from "node:path";
import { createEngine, deferredEngine, type EngineObserver, type EngineOptions, isFolder, type ServedEntry } from "@biovlm/engine";
import { compileBank, writeBank } from "@biovlm/model";
import { bankKeepingEngine, keptBanks, type ServingOptions } from "@biovlm/server";
import { chooseBank } from "./class-choice.js";
import type { OptionValues } from "./command.js";
import type { SERVE_OPTIONS } from "./commands/serve.js";
import { INPUT_LIMITS, readInput } from "./input-file.js";
import { openRuntime } from "./opening.js";

/** What the command was given. */
export type ServeOptions = OptionValues<typeof SERVE_OPTIONS>;

/** The name of the bank that the server is started with. */
export const OWN_BANK = "default";

/** Whether it has a bank from the start. */
export function withClasses(options: ServeOptions): boolean {
  return options.class.length > 0 || options.classesFile !== undefined || options.dataset !== undefined || options.bank !== undefined;
}

/** The name it is served under. */
export function servedName({ name, model }: ServeOptions): string {
  return name ?? (isFolder(model) ? "model" : model);
}

/**
 * The engine, and what begins to open it.
 * @throws FilesError where the folder of uploaded banks cannot be read or made
 */
export async function servedEngine(
  options: ServeOptions,
  serving: ServingOptions,
  cwd: string,
  observer: EngineObserver,
): Promise<ReturnType<typeof deferredEngine>> {
  const banks = await keptBanks(serving);
  const { engine, open } = deferredEngine(async (say) => {
    say("embedding the class texts");
    const bytes = withClasses(options) ? await bankBytes(options, cwd) : undefined;
    say("opening the model");
    return createEngine({ ...engineFrom(options), serve: [served(options, cwd, bytes)], banks, observer });
  });
  return { engine: bankKeepingEngine(engine, serving, OWN_BANK), open };
}

/** Where it computes, and how many images meet or wait. */
function engineFrom({ threads, deterministic, ...options }: ServeOptions): Omit<EngineOptions, "serve" | "banks" | "observer"> {
  return {
    device: options.device,
    precision: options.precision,
    maxCacheBytes: options.maxCacheBytes,
    pool: options.pool,
    maxBatch: options.maxBatch,
    maxQueueDelayMs: options.maxQueueDelayMs,
    maxQueue: options.maxQueue,
    maxImageBytes: options.maxImageBytes,
    maxPixels: options.maxPixels,
    plane: options.plane,
    window: options.window,
    range: options.range,
    ultrasoundRegion: options.ultrasoundRegion,
    ...(threads === undefined ? {} : { threads }),
    ...(deterministic ? { deterministic } : {}),
  };
}

/** The one served name, with its bank where there is one. */
function served(options: ServeOptions, cwd: string, bytes: Uint8Array | undefined): ServedEntry {
  const model = isFolder(options.model) ? resolve(cwd, options.model) : options.model;
  return { name: servedName(options), model, ...(bytes === undefined ? {} : { bank: { name: OWN_BANK, bytes } }) };
}

/** The bank that the command line says, as a file: a bank's own, or one compiled for classes. */
export async function bankBytes(options: ServeOptions, cwd: string): Promise<Uint8Array> {
  if (options.bank !== undefined && options.class.length === 0 && options.classesFile === undefined && options.dataset === undefined) {
    return readInput(cwd, options.bank, INPUT_LIMITS.bank);
  }
  const runtime = await openRuntime(options, cwd);
  try {
    const { bank, classes } = await chooseBank(options, runtime, cwd);
    return writeBank(classes === undefined ? bank : await compileBank(runtime, bank, classes));
  } finally {
    await runtime.close();
  }
}

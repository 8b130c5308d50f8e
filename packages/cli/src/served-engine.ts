// The engine of `biovlm serve`: names, each with its banks as the command line says them, and banks that were uploaded before. It is opened once the
// server listens.

import { resolve } from "node:path";
import { setImmediate as immediate } from "node:timers/promises";
import {
  createEngine,
  deferredEngine,
  type EngineObserver,
  type EngineOptions,
  isFolder,
  type OwnBank,
  type ServedEntry,
} from "@biovlm/engine";
import { compileBank, writeBank } from "@biovlm/model";
import { bankKeepingEngine, keptBanks, type ServingOptions } from "@biovlm/server";
import { checkClassOptions, chooseBank } from "./class-choice.js";
import type { ClassOptions } from "./class-options.js";
import type { OptionValues } from "./command.js";
import type { SERVE_OPTIONS } from "./commands/serve.js";
import { INPUT_LIMITS, readInput } from "./input-file.js";
import { type NamedModel, namedModels } from "./served-models.js";

/** What the command was given. */
export type ServeOptions = OptionValues<typeof SERVE_OPTIONS>;

/** A name to serve, and the files that its own banks come from. */
export interface ServedName extends ServedEntry {
  readonly files: readonly { readonly bank: string; readonly files: readonly string[] }[];
}

/** Names to serve, with their banks. @throws CliError `bad_usage`, `bad_value`, `unknown_dataset` (exit 2) */
export function servedNames(options: ServeOptions, cwd: string): ServedName[] {
  return namedModels(options).map((named) => servedName(named, options, cwd));
}

function servedName({ name, model, bank, bankName, banks }: NamedModel, options: ServeOptions, cwd: string): ServedName {
  const { class: classes, classesFile, dataset, prevalence, rho } = options;
  const listed = classes.length > 0 || classesFile !== undefined || dataset !== undefined;
  const said: ClassOptions = { class: classes, classesFile, dataset, bank };
  if (listed || bank !== undefined) checkClassOptions(said);
  const place = isFolder(model) ? resolve(cwd, model) : model;
  const others = banks.map((one) => fileBank(one.name, one.file, cwd));
  const own = listed ? madeBank(bankName, said, cwd) : bank === undefined ? undefined : fileBank(bankName, bank, cwd);
  const files = [bank, classesFile].filter((file) => file !== undefined);
  return {
    name,
    model: place,
    ...(own === undefined ? {} : { bank: own }),
    ...(prevalence === undefined ? {} : { prevalence }),
    ...(rho === undefined ? {} : { rho }),
    banks: others,
    files: [{ bank: bankName, files }, ...banks.map((one) => ({ bank: one.name, files: [one.file] }))],
  };
}

function fileBank(name: string, file: string, cwd: string): OwnBank {
  return { name, bytes: { read: () => readInput(cwd, file, INPUT_LIMITS.bank) } };
}

/** A bank of sentences or templates, or a file's compiled for classes. */
function madeBank(name: string, said: ClassOptions, cwd: string): OwnBank {
  const make = async (parts: Parameters<typeof chooseBank>[1]) => {
    const { bank, classes } = await chooseBank(said, parts, cwd);
    return writeBank(classes === undefined ? bank : await compileBank(parts, bank, classes));
  };
  return { name, bytes: { make } };
}

/**
 * The engine, and what begins to open it.
 * @throws FilesError where the folder of uploaded banks cannot be read or made
 */
export async function servedEngine(
  names: readonly ServedName[],
  options: ServeOptions,
  serving: ServingOptions,
  observer: EngineObserver,
): Promise<ReturnType<typeof deferredEngine>> {
  const own = names.flatMap(({ bank, banks: others = [] }) => [...(bank === undefined ? [] : [bank]), ...others]);
  // a server without a bank may be given its own under this name
  const served = own.length === 0 ? ["default"] : own.map(({ name }) => name);
  const banks = await keptBanks(
    serving,
    own.map(({ name }) => name),
    (name, code) => observer.bankRefused(name, code),
  );
  const { engine, open } = deferredEngine(async (say) => {
    say(names.length === 1 ? "opening the model" : "opening the models");
    // whoever asks a server that has just begun to listen is answered first
    await immediate();
    return createEngine({ ...engineFrom(options), serve: names, banks, observer });
  });
  return { engine: bankKeepingEngine(engine, serving, served), open };
}

/** Where it computes, and how many images meet or wait. */
function engineFrom({
  threads,
  deterministic,
  maxModelBytes,
  ...options
}: ServeOptions): Omit<EngineOptions, "serve" | "banks" | "observer"> {
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
    ...(maxModelBytes === undefined ? {} : { maxModelBytes }),
    ...(threads === undefined ? {} : { threads }),
    ...(deterministic ? { deterministic } : {}),
  };
}

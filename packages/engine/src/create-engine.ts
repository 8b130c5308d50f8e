// Opens an engine: served names, each a model and a bank, over hosts and the bank shelf. Its calls are local-engine.ts; HTTP is above it, encoders
// are below it.

import { known } from "@biovlm/files";
import { BankShelf } from "./banks/bank-shelf.js";
import type { BankFile, Engine } from "./contract/engine.js";
import { EngineError } from "./contract/errors.js";
import { type EngineObserver, SILENT } from "./contract/observer.js";
import { decodeOptions } from "./images/decode-options.js";
import { LocalEngine, type Served } from "./local-engine.js";
import { type HostOptions, type ModelHost, openHost } from "./model-host.js";
import { openCore } from "./open/core.js";
import type { OpeningSpec } from "./open/opening-spec.js";
import { SERVING_LIMITS, type ServingLimits } from "./options/engine-options.js";
import { filledOptions } from "./options/option-schema.js";

/** A name to serve. */
export interface ServedEntry {
  readonly name: string;
  /** "tiny", a name of the store, or a folder */
  readonly model: string;
  /** absent: embeddings and uploaded banks only */
  readonly bank?: BankFile;
}

/** What an engine is made of: models, devices, limits. */
export interface EngineOptions extends Partial<ServingLimits> {
  readonly serve: readonly ServedEntry[];
  /** banks that may be asked for beside the served ones; one that does not fit is left out, and the observer is told */
  readonly banks?: readonly BankFile[];
  readonly device?: OpeningSpec["device"];
  readonly precision?: OpeningSpec["precision"];
  readonly threads?: number;
  /** most bytes of what was computed that are kept in the cache folder, 2 GiB unless said */
  readonly maxCacheBytes?: number;
  /** same bytes whoever else asks meanwhile: plain SIMD, and int8 towers run on one image at a time, whatever `maxBatch` says */
  readonly deterministic?: boolean;
  readonly poolOptions?: HostOptions["poolOptions"];
  readonly observer?: EngineObserver;
}

/**
 * Opens models and banks, and begins to warm up; `ready` settles when that has ended.
 * @throws what models, banks and devices throw: `not_found`, `integrity`, `bad_bank`, …
 * @example const { engine, ready } = await createEngine({ serve: [{ name: "tiny", model: "tiny" }], pool: 0 }); await ready;
 */
export async function createEngine(options: EngineOptions): Promise<{ readonly engine: Engine; readonly ready: Promise<void> }> {
  const {
    serve,
    observer = SILENT,
    device = "auto",
    precision = "fp32",
    deterministic = false,
    threads,
    maxCacheBytes,
    poolOptions,
  } = options;
  const asked = filledOptions(
    SERVING_LIMITS,
    options,
    (what) => new EngineError("bad_option", `engine options — ${what}. Correct the option.`),
  );
  // int8 scales activations by rows, so that nobody shares a scale; one at a time all the same, until every runtime is shown to keep the bits
  const limits = deterministic && precision === "int8" ? { ...asked, maxBatch: 1 } : asked;
  const spec = (model: string): OpeningSpec => ({
    ...{ model, device, precision, deterministic },
    ...(threads === undefined ? {} : { threads }),
    ...(maxCacheBytes === undefined ? {} : { maxCacheBytes }),
  });
  const names = serve.map((entry) => entry.name);
  if (serve.length === 0 || new Set(names).size !== names.length)
    throw new EngineError("bad_option", `served names — expected one or more, each once, got ${names.join(", ") || "none"}. Correct them.`);
  const core = await openCore(spec("tiny"));
  const hosts = new Map<string, ModelHost>();
  const shelf = new BankShelf(asked);
  try {
    for (const model of new Set(serve.map((entry) => entry.model))) {
      const host = await openHost({
        ...limits,
        spec: spec(model),
        core,
        limits: decodeOptions({ ...limits, frame: "middle" }),
        onEvent: (event) => observer.encodingEvent(model, event),
        onRun: (images) => observer.run(model, images),
        ...(poolOptions === undefined ? {} : { poolOptions }),
      });
      hosts.set(model, host);
      observer.queue(model, () => host.queue.depth);
      observer.memory(model, () => host.encoding.memory());
    }
    await putBanks(options, shelf, hosts);
  } catch (error) {
    await Promise.all([...hosts.values()].map((host) => host.close(0)));
    throw error;
  }
  const served = new Map(
    serve.map((entry): [string, Served] => [entry.name, { name: entry.name, host: known(hosts, entry.model), bankName: entry.bank?.name }]),
  );
  const engine = new LocalEngine(core, served, [...hosts.values()], shelf, observer);
  return { engine, ready: engine.warmUp() };
}

/** The served banks, then the others: of those, one that does not fit changes nothing. */
async function putBanks(
  { serve, banks = [], observer = SILENT }: EngineOptions,
  shelf: BankShelf,
  hosts: ReadonlyMap<string, ModelHost>,
): Promise<void> {
  for (const { bank, model } of serve) if (bank !== undefined) await shelf.put(bank.name, bank.bytes, [known(hosts, model).model]);
  const models = [...hosts.values()].map((host) => host.model);
  for (const { name, bytes } of banks) {
    try {
      await shelf.put(name, bytes, models);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      observer.bankRefused(name, error.code);
    }
  }
}

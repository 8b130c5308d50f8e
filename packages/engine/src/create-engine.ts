// Opens an engine: served names, each a model and its banks, over places in memory and the bank shelf. Its calls are local-engine.ts; HTTP is above
// it, encoders are below it.

import type { Core } from "@biovlm/core";
import { known } from "@biovlm/files";
import { BankShelf } from "./banks/bank-shelf.js";
import type { BankFile, Engine, OwnBank } from "./contract/engine.js";
import { EngineError } from "./contract/errors.js";
import { type EngineObserver, SILENT } from "./contract/observer.js";
import { decodeOptions } from "./images/decode-options.js";
import { LocalEngine } from "./local-engine.js";
import { type HostOptions, openHost } from "./model-host.js";
import { ModelPlace } from "./model-place.js";
import { openCore } from "./open/core.js";
import { openModel, weightBytes } from "./open/model.js";
import type { OpeningSpec } from "./open/opening-spec.js";
import { SERVING_LIMITS, type ServingLimits } from "./options/engine-options.js";
import { filledOptions } from "./options/option-schema.js";
import { OwnBanks } from "./own-banks.js";
import { ResidentModels } from "./resident-models.js";
import type { Served } from "./served-names.js";

/** A name to serve. */
export interface ServedEntry {
  readonly name: string;
  /** "tiny", a name of the store, or a folder */
  readonly model: string;
  /** answers where no bank is named; absent: embeddings and uploaded banks only */
  readonly bank?: OwnBank;
  /** others of its own, for who names them */
  readonly banks?: readonly OwnBank[];
  /** how common the classes of its bank are: NAME=SHARE,… or "train"; equally common when absent */
  readonly prevalence?: string;
  /** ρ of its bank where a call names none; the bank's own when absent */
  readonly rho?: number;
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
  /** how long a load waits for models in use to be free, milliseconds. Default 10 000. */
  readonly roomMs?: number;
  readonly observer?: EngineObserver;
}

/**
 * Opens models and banks, and begins to warm up; `ready` settles when that has ended. With `maxModelBytes` those that do not fit are looked into and
 * loaded when they are asked for.
 * @throws what models, banks and devices throw: `not_found`, `integrity`, `bad_bank`, …; `model_too_large`
 * @example const { engine, ready } = await createEngine({ serve: [{ name: "tiny", model: "tiny" }], pool: 0 }); await ready;
 */
export async function createEngine(options: EngineOptions): Promise<{ readonly engine: Engine; readonly ready: Promise<void> }> {
  const { serve, banks = [], observer = SILENT, roomMs } = options;
  const asked = filledOptions(
    SERVING_LIMITS,
    options,
    (what) => new EngineError("bad_option", `engine options — ${what}. Correct the option.`),
  );
  const names = serve.map((entry) => entry.name);
  if (serve.length === 0 || new Set(names).size !== names.length)
    throw new EngineError("bad_option", `served names — expected one or more, each once, got ${names.join(", ") || "none"}. Correct them.`);
  const core = await openCore(specOf(options, "tiny"));
  const shelf = new BankShelf(asked);
  const own = new OwnBanks(serve, core, shelf);
  const places = new Map<string, ModelPlace>();
  for (const model of new Set(serve.map((entry) => entry.model))) places.set(model, await placeOf(model, options, asked, core, own));
  const resident = new ResidentModels([...places.values()], { budget: asked.maxModelBytes, observer, roomMs });
  try {
    const first = resident.atStart();
    for (const [model, place] of places) {
      const { name } = place.options;
      observer.queue(name, () => place.host?.waiting() ?? 0);
      observer.memory(name, () => place.host?.encoding.memory() ?? 0);
      if (first.includes(place)) place.enter(await place.options.open());
      else await lookInto(place, specOf(options, model));
      await own.putFiles(model, place.known);
    }
    await putOthers(banks, shelf, [...places.values()], observer);
  } catch (error) {
    await resident.close(0);
    throw error;
  }
  const served = new Map(
    serve.map(({ name, model, bank, prevalence, rho }): [string, Served] => {
      const place = known(places, model);
      return [name, { name, place, bankName: bank?.name, prevalence, rho, offered: true }];
    }),
  );
  const engine = new LocalEngine({ core, served, places, resident, shelf, own, observer });
  return { engine, ready: engine.warmUp() };
}

/** What is opened of a model, and where. */
function specOf(
  { device = "auto", precision = "fp32", deterministic = false, threads, maxCacheBytes }: EngineOptions,
  model: string,
): OpeningSpec {
  return {
    ...{ model, device, precision, deterministic },
    ...(threads === undefined ? {} : { threads }),
    ...(maxCacheBytes === undefined ? {} : { maxCacheBytes }),
  };
}

async function placeOf(model: string, options: EngineOptions, asked: ServingLimits, core: Core, own: OwnBanks): Promise<ModelPlace> {
  const { serve, observer = SILENT, poolOptions, precision, deterministic } = options;
  const name = serve.find((entry) => entry.model === model)?.name ?? model;
  // int8 scales activations by rows, so that nobody shares a scale; one at a time all the same, until every runtime is shown to keep the bits
  const limits = deterministic === true && precision === "int8" ? { ...asked, maxBatch: 1 } : asked;
  const open = () =>
    openHost({
      ...limits,
      spec: specOf(options, model),
      core,
      limits: decodeOptions({ ...limits, frame: "middle" }),
      onEvent: (event) => observer.encodingEvent(name, event),
      onRun: (images) => observer.run(name, images),
      ...(poolOptions === undefined ? {} : { poolOptions }),
    });
  const bytes = asked.maxModelBytes === undefined ? 0 : await weightBytes(model);
  return new ModelPlace({ name, weightBytes: bytes * Math.max(1, asked.pool), open, prepare: (host) => own.prepare(model, host) });
}

/** A model that stays out of memory for now: what it is, so that its banks can be checked. */
async function lookInto(place: ModelPlace, spec: OpeningSpec): Promise<void> {
  const { model, close } = await openModel(spec);
  place.know(model);
  close();
}

/** Banks beside the served ones: one that does not fit changes nothing. */
async function putOthers(
  banks: readonly BankFile[],
  shelf: BankShelf,
  places: readonly ModelPlace[],
  observer: EngineObserver,
): Promise<void> {
  const models = places.map((place) => place.known);
  for (const { name, bytes } of banks) {
    try {
      await shelf.put(name, bytes, models);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      observer.bankRefused(name, error.code);
    }
  }
}

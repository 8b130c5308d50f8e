// The engine's calls over its hosts and the bank shelf: what is asked, refused while it drains, counted until it ends. Opening is create-engine.ts.

import type { Core } from "@biovlm/core";
import { nth } from "@biovlm/files";
import type { Classification, Classifier } from "@biovlm/model";
import { classifiedFiles, embeddedFiles, othersFirst, ROWS_IN_ONE_GO } from "./asked-answers.js";
import { stackAsk } from "./asked-frames.js";
import type { BankShelf, ShelvedBank } from "./banks/bank-shelf.js";
import { encoderFailure } from "./contract/encoder-failure.js";
import type { AnswerSource, CallOptions, ClassifyOptions, Engine, ImageChoice, ServedBank, ServedModel } from "./contract/engine.js";
import { EngineError } from "./contract/errors.js";
import type { EngineObserver } from "./contract/observer.js";
import type { HostAnswer, ModelHost } from "./model-host.js";
import type { ModelPlace } from "./model-place.js";
import type { OwnBanks } from "./own-banks.js";
import type { ResidentModels } from "./resident-models.js";
import { findServed, offeredServed, type Served } from "./served-names.js";

/** What the engine works with. */
export interface EngineParts {
  readonly core: Core;
  readonly served: ReadonlyMap<string, Served>;
  readonly places: ReadonlyMap<string, ModelPlace>;
  readonly resident: ResidentModels;
  readonly shelf: BankShelf;
  readonly own: OwnBanks;
  readonly observer: EngineObserver;
}

/** The engine of this process. */
export class LocalEngine implements Engine {
  private readonly core: Core;
  private readonly served: ReadonlyMap<string, Served>;
  private readonly places: ReadonlyMap<string, ModelPlace>;
  private readonly resident: ResidentModels;
  private readonly shelf: BankShelf;
  private readonly own: OwnBanks;
  private readonly observer: EngineObserver;
  private state: "warming up" | "serving" | "closed" = "warming up";
  private draining = false;
  private failure: string | undefined;
  private closing: Promise<void> | undefined;
  /** calls that have not ended, those beyond the batchers too */
  private calls = 0;
  private onQuiet: (() => void)[] = [];

  constructor({ core, served, places, resident, shelf, own, observer }: EngineParts) {
    this.core = core;
    this.served = served;
    this.places = places;
    this.resident = resident;
    this.shelf = shelf;
    this.own = own;
    this.observer = observer;
  }

  /** Opens devices, then makes every served bank and computes its text embeddings; of models that are in memory from the start. */
  async warmUp(): Promise<void> {
    const started = performance.now();
    try {
      await Promise.all(
        [...this.places.values()].map(async (place) => {
          const { host, options } = place;
          if (host === undefined) return;
          await host.encoding.start();
          await options.prepare(host);
          place.measure(host);
          this.observer.modelLoaded(options.name, host.model.digest, performance.now() - started);
        }),
      );
      await this.resident.settle();
      if (this.state === "warming up") this.state = "serving";
    } catch (error) {
      this.failure = error instanceof Error && "code" in error ? String(error.code) : "failed";
      throw error;
    }
  }

  models(): ServedModel[] {
    return [...this.served.values()].map((one) => this.describe(one));
  }

  model(name: string): ServedModel {
    return this.describe(findServed(this.served, name));
  }

  readiness(): { readonly ready: boolean; readonly reason?: string } {
    if (this.draining) return { ready: false, reason: "draining" };
    if (this.state !== "serving") return { ready: false, reason: this.failure ?? this.state };
    for (const { host } of this.places.values()) {
      if (host === undefined) continue;
      const { ready, reason = "not ready" } = host.encoding.status();
      if (!ready) return { ready, reason: `${host.model.name}: ${reason}` };
    }
    return { ready: true };
  }

  refuseIfFull(model: string): void {
    offeredServed(this.served, model).place.host?.queue.refuseIfFull();
  }

  load(model: string, options: CallOptions = {}): Promise<ServedModel> {
    return this.call(options, async () => {
      const served = findServed(this.served, model);
      served.offered = true;
      await this.resident.load(served.place);
      return this.describe(served);
    });
  }

  unload(model: string, options: CallOptions = {}): Promise<ServedModel> {
    return this.call(options, async () => {
      const served = findServed(this.served, model);
      served.offered = false;
      const wanted = () => [...this.served.values()].some(({ place, offered }) => place === served.place && offered);
      if (!wanted()) await this.resident.unload(served.place, wanted);
      return this.describe(served);
    });
  }

  classify(model: string, images: readonly Uint8Array[], options: ClassifyOptions = {}) {
    return this.on(model, options, async (host, served) => {
      const ask = stackAsk(options);
      const { shelved, classifier } = await this.prepared(host, served, options);
      this.shelf.checkShown(shelved, options);
      const { answers, volumes, made, routeMs } = await classifiedFiles(host, images, classifier, ask, options);
      const source = this.sourceOf(host, shelved.served, made, routeMs);
      this.observer.answered(model, shelved.served, answers, source.timings);
      const { classes, prevalence } = classifier;
      return { answers, source, classes, ...(prevalence && { prevalence }), ...(volumes && { volumes }) };
    });
  }

  classifyEmbeddings(model: string, embeddings: Float32Array, options: ClassifyOptions = {}) {
    return this.on(model, options, async (host, served) => {
      const { shelved, classifier } = await this.prepared(host, served, options);
      const D = host.model.spec.embedDim;
      if (embeddings.length % D !== 0)
        throw new EngineError(
          "bad_tensor",
          `embeddings — expected rows of ${D} numbers, got ${embeddings.length} in all. Check the shape.`,
        );
      for (let i = 0; i < embeddings.length; i += D) {
        if (i > 0 && i % (ROWS_IN_ONE_GO * D) === 0) await othersFirst();
        const norm = Math.hypot(...embeddings.subarray(i, i + D));
        if (!Number.isFinite(norm) || norm === 0)
          throw new EngineError("bad_tensor", "embeddings — expected finite rows that are not zero, got another. Check them.");
      }
      const start = performance.now();
      const answers: Classification[] = [];
      for (let from = 0; from < embeddings.length; from += ROWS_IN_ONE_GO * D) {
        if (from > 0) await othersFirst();
        answers.push(
          ...classifier.classifyEmbeddings(embeddings.subarray(from, from + ROWS_IN_ONE_GO * D), { explain: options.explain ?? false }),
        );
      }
      const { device, fellBack } = host.encoding.status();
      const timings = { queue: 0, decode: 0, preprocess: 0, encode: 0 };
      const source = this.sourceOf(host, shelved.served, { device, fellBack, timings }, performance.now() - start);
      this.observer.answered(model, shelved.served, answers, source.timings);
      return { answers, source, classes: classifier.classes };
    });
  }

  embedImages(model: string, images: readonly Uint8Array[], options: CallOptions & ImageChoice = {}) {
    return this.on(model, options, async (host) => {
      const { data, rows, images: of, made } = await embeddedFiles(host, this.core, images, stackAsk(options), options);
      const shape = [rows, host.model.spec.embedDim] as const;
      return { data, shape, source: this.sourceOf(host, undefined, made, 0), ...(of === undefined ? {} : { images: of }) };
    });
  }

  embedTexts(model: string, texts: readonly string[], options: CallOptions = {}) {
    return this.on(model, options, async (host) => {
      const { encoder } = host.encoding;
      const { spec, tokenizer } = host.model;
      const start = performance.now();
      const { ids, mask, shape } = tokenizer.encodeBatch(texts);
      const { data } = await encoder.encodeTexts(ids, mask, shape, options.signal === undefined ? {} : { signal: options.signal });
      const encode = performance.now() - start;
      const { device, fellBack } = host.encoding.status();
      const timings = { queue: 0, decode: 0, preprocess: 0, encode };
      return {
        data: this.core.l2Normalize(data, texts.length, spec.embedDim),
        shape: [texts.length, spec.embedDim] as const,
        tokens: mask.reduce((sum, m) => sum + m, 0),
        source: this.sourceOf(host, undefined, { device, fellBack, timings }, 0),
      };
    });
  }

  banks(): readonly ServedBank[] {
    return this.shelf.list();
  }

  addBank(name: string, bytes: Uint8Array): Promise<ServedBank> {
    return this.call({}, async () => {
      const before = this.shelf.list().find((b) => b.name === name);
      const { served } = await this.shelf.put(name, bytes, this.known()).catch((error: unknown) => {
        if (error instanceof EngineError) this.observer.bankRefused(name, error.code);
        throw error;
      });
      if (before?.digest !== served.digest) this.observer.bankReloaded(name, served.digest);
      return served;
    });
  }

  renewBank(name: string): Promise<void> {
    return this.call({}, async () => {
      const before = this.shelf.find(name)?.served.digest;
      const place = this.own.placeOf(name, this.places);
      const renewed = () => this.own.renew(name, place);
      if (place.host === undefined) await renewed();
      else await this.resident.use(place, renewed);
      const after = this.shelf.find(name)?.served.digest;
      if (after !== undefined && after !== before) this.observer.bankReloaded(name, after);
    });
  }

  compileBank(name: string, classes: readonly string[], options: CallOptions = {}): Promise<Uint8Array> {
    return this.call(options, async () => {
      const shelved = this.shelf.get(name);
      const places = [...this.places.values()];
      const place = places.find(({ known }) => known.digest === shelved.bank.modelDigest) ?? nth(places, 0);
      return this.resident.use(place, (host) => this.shelf.compiled(this.source(host), shelved, classes, options.signal));
    });
  }

  drain(): void {
    this.draining = true;
  }

  close(graceMs: number): Promise<void> {
    this.closing ??= (async () => {
      this.draining = true;
      this.state = "closed";
      const until = performance.now() + graceMs;
      if (this.calls > 0) {
        let timer: NodeJS.Timeout | undefined;
        await Promise.race([
          new Promise<void>((done) => this.onQuiet.push(done)),
          new Promise<void>((done) => {
            timer = setTimeout(done, graceMs);
          }),
        ]);
        clearTimeout(timer);
      }
      await this.resident.close(Math.max(0, until - performance.now()));
    })();
    return this.closing;
  }

  /** Every call: refused unless serving, ended by its deadline and its signal, its failures in this package's codes. */
  private async call<T>({ signal, deadline }: CallOptions, work: () => Promise<T>): Promise<T> {
    if (this.state !== "serving")
      throw new EngineError("not_ready", `the server — expected to be ready, got ${this.failure ?? this.state}. Try again.`, {
        retryAfter: 5,
      });
    signal?.throwIfAborted();
    const late = () => new EngineError("deadline_exceeded", "deadline — expected an answer in time, got none. Allow more time.");
    // an answer that comes at once must not beat a timer of 0 ms
    if (deadline !== undefined && deadline <= Date.now()) throw late();
    this.calls++;
    const ends: (() => void)[] = [];
    try {
      return await new Promise<T>((resolve, reject) => {
        if (deadline !== undefined) {
          const timer = setTimeout(() => reject(late()), Math.max(0, deadline - Date.now()));
          ends.push(() => clearTimeout(timer));
        }
        if (signal !== undefined) {
          const left = () => reject(signal.reason as Error);
          signal.addEventListener("abort", left, { once: true });
          ends.push(() => signal.removeEventListener("abort", left));
        }
        work().then(resolve, reject);
      });
    } catch (error) {
      throw encoderFailure(error);
    } finally {
      for (const end of ends) end();
      if (--this.calls === 0) for (const done of this.onQuiet.splice(0)) done();
    }
  }

  /** A call on a model, which stays in memory until it has ended. */
  private on<T>(model: string, options: CallOptions, work: (host: ModelHost, served: Served) => Promise<T>): Promise<T> {
    return this.call(options, async () => {
      const served = offeredServed(this.served, model);
      return this.resident.use(served.place, async (host) => {
        // loading may have taken longer than who asked could wait
        options.signal?.throwIfAborted();
        return work(host, served);
      });
    });
  }

  private async prepared(
    host: ModelHost,
    { name, bankName, prevalence, rho }: Served,
    options: ClassifyOptions,
  ): Promise<{ shelved: ShelvedBank; classifier: Classifier }> {
    const bank = options.bank ?? bankName;
    if (bank === undefined)
      throw new EngineError("unknown_bank", `model ${name} — expected a bank, got a model that is served without one. Name a bank.`);
    const shelved = this.shelf.get(bank);
    const own = bank === bankName;
    const asked = {
      ...(own && rho !== undefined ? { rho } : {}),
      ...(own && prevalence !== undefined && options.classes === undefined ? { prevalence } : {}),
      ...options,
    };
    return { shelved, classifier: await this.shelf.classifier(this.source(host), shelved, asked) };
  }

  private known() {
    return [...this.places.values()].map((place) => place.known);
  }

  private source(host: ModelHost) {
    return { core: this.core, encoder: host.encoding.encoder, model: host.model };
  }

  private sourceOf(
    host: ModelHost,
    bank: ServedBank | undefined,
    { device, fellBack, timings }: Omit<HostAnswer, "images">,
    route: number,
  ): AnswerSource {
    return {
      model: { name: host.model.name, digest: host.model.digest },
      ...(bank === undefined ? {} : { bank: { name: bank.name, digest: bank.digest } }),
      device,
      core: this.core.info.build,
      fellBack,
      timings: { ...timings, route },
    };
  }

  private describe({ name, place, bankName, offered }: Served): ServedModel {
    const { host, known, loading, failure } = place;
    const status = host?.encoding.status();
    const serving = this.state === "serving" && !this.draining;
    const ready = serving && offered && (status?.ready ?? failure === undefined);
    const bank = bankName === undefined ? undefined : this.shelf.find(bankName)?.served;
    const out = !offered ? "unloaded" : loading ? "loading" : (failure ?? "not in memory, loaded when it is asked for");
    const why = serving ? (status === undefined ? out : status.reason) : this.draining ? "draining" : (this.failure ?? this.state);
    return {
      name,
      model: known.name,
      modelDigest: known.digest,
      ...(bank === undefined ? {} : { bank }),
      embedDim: known.spec.embedDim,
      imageSize: known.spec.vision.imageSize,
      device: status?.device ?? "none",
      precision: status?.precision ?? "none",
      ...(status?.imageTower === undefined ? {} : { imageTower: status.imageTower }),
      ready,
      loaded: host !== undefined,
      ...(why === undefined || (ready && host !== undefined) ? {} : { reason: why }),
    };
  }
}

// Which models are in memory: all of them, or as many as fit a budget. One that is not there is loaded when it is asked for, one load after another,
// after those that nobody uses and that were used longest ago have gone. A model that is in memory waits for none of this.

import { EngineError } from "./contract/errors.js";
import type { EngineObserver } from "./contract/observer.js";
import type { ModelHost } from "./model-host.js";
import type { ModelPlace } from "./model-place.js";

export interface ResidenceOptions {
  /** bytes that models may take together; no limit when absent */
  readonly budget: number | undefined;
  readonly observer: EngineObserver;
  /** how long a load waits for models in use to be free, milliseconds. Default 10 000. */
  readonly roomMs?: number | undefined;
}

/** No other try of a load that failed before, unless it is asked for by name. */
const NEXT_TRY_MS = 10_000;
/** How often it is looked whether models have grown beyond the budget. */
const LOOK_MS = 1000;
/** How long calls may keep a model that is to be unloaded by name. */
const UNLOAD_MS = 60_000;

export class ResidentModels {
  private readonly places: readonly ModelPlace[];
  private readonly options: ResidenceOptions;
  private readonly opening = new Map<ModelPlace, Promise<void>>();
  /** the host that is being started, to be closed where all ends */
  private coming: ModelHost | undefined;
  private turn: Promise<unknown> = Promise.resolve();
  private clock = 0;
  private looked = 0;
  private closed = false;
  private onIdle: (() => void)[] = [];

  constructor(places: readonly ModelPlace[], options: ResidenceOptions) {
    this.places = places;
    this.options = options;
    for (const place of places) options.observer.model(place.options.name, () => place.host !== undefined);
  }

  /** Places to be in memory from the start: in their order, as many as fit by their weights. @throws EngineError `model_too_large` */
  atStart(): ModelPlace[] {
    const { budget } = this.options;
    if (budget === undefined) return [...this.places];
    let left = budget;
    return this.places.filter((place) => {
      const needed = place.expected();
      if (needed > budget) throw tooLarge(place, needed, budget);
      if (needed > left) return false;
      left -= needed;
      return true;
    });
  }

  /** Runs work on a model that stays in memory until it has ended; loads it where it is not there. @throws EngineError as `load` */
  async use<T>(place: ModelPlace, work: (host: ModelHost) => Promise<T>): Promise<T> {
    place.users++;
    try {
      return await work(place.host ?? (await this.loaded(place)));
    } finally {
      place.users--;
      place.lastUsed = ++this.clock;
      if (place.users === 0) this.becameIdle();
    }
  }

  /**
   * Loads a model that is not in memory, whatever became of the last try.
   * @throws EngineError `model_too_large`, `overloaded` where those in memory stay in use, `load_failed`
   */
  async load(place: ModelPlace): Promise<void> {
    if (!this.opening.has(place)) place.forget();
    await this.use(place, async () => {});
  }

  /** Unloads it once no call uses it, and unless it is wanted again by then. */
  async unload(place: ModelPlace, wanted: () => boolean): Promise<void> {
    await this.opening.get(place)?.catch(() => {});
    const until = performance.now() + UNLOAD_MS;
    while (place.users > 0 && performance.now() < until) await this.idle(until);
    await this.inTurn(async () => {
      if (!wanted()) await this.evict(place, "asked");
    });
  }

  /** Those that nobody uses go, the longest unused first, until the others fit. */
  async settle(): Promise<void> {
    const { budget } = this.options;
    while (budget !== undefined && this.bytes() > budget) {
      const victim = this.leastRecentlyUsed();
      // the last one stays: a model that has grown is better than none
      if (victim === undefined || this.places.filter((place) => place.host !== undefined).length === 1) return;
      await this.evict(victim, "memory");
    }
  }

  async close(graceMs: number): Promise<void> {
    this.closed = true;
    for (const done of this.onIdle.splice(0)) done();
    const hosts = this.places.flatMap((place) => place.leave() ?? []);
    await Promise.all([...hosts.map((host) => host.close(graceMs)), this.coming?.close(0)]);
  }

  private async loaded(place: ModelPlace): Promise<ModelHost> {
    while (place.host === undefined) {
      let opening = this.opening.get(place);
      if (opening === undefined) {
        if (performance.now() < place.nextTry) throw loadFailed(place, place.failure ?? "failed");
        opening = this.inTurn(() => this.open(place)).finally(() => this.opening.delete(place));
        opening.catch(() => {});
        this.opening.set(place, opening);
      }
      await opening;
    }
    return place.host;
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.turn.then(work);
    this.turn = done.catch(() => {});
    return done;
  }

  private async open(place: ModelPlace): Promise<void> {
    if (place.host !== undefined) return;
    const { observer, budget } = this.options;
    const { name } = place.options;
    const started = performance.now();
    place.loading = true;
    try {
      await this.makeRoom(place);
      this.refuseClosed();
      const host = await this.started(place);
      const needed = place.measure(host);
      if (budget !== undefined && needed > budget) {
        await host.close(0);
        throw tooLarge(place, needed, budget);
      }
      place.enter(host);
      place.lastUsed = ++this.clock;
      observer.modelLoaded(name, host.model.digest, performance.now() - started);
      await this.settle();
    } catch (error) {
      place.failure = codeOf(error);
      if (error instanceof EngineError && KEPT.includes(error.code)) throw error;
      place.nextTry = performance.now() + NEXT_TRY_MS;
      observer.modelLoadFailed(name, place.failure, error);
      throw loadFailed(place, place.failure, error);
    } finally {
      place.loading = false;
    }
  }

  private async started(place: ModelPlace): Promise<ModelHost> {
    const host = await place.options.open();
    this.coming = host;
    try {
      this.refuseClosed();
      await host.encoding.start();
      await place.options.prepare(host);
      this.refuseClosed();
      return host;
    } catch (error) {
      await host.close(0);
      throw error;
    } finally {
      this.coming = undefined;
    }
  }

  /** Waits until the model fits beside those that stay. */
  private async makeRoom(place: ModelPlace): Promise<void> {
    const { budget, roomMs = 10_000 } = this.options;
    if (budget === undefined) return;
    const needed = place.expected();
    if (needed > budget) throw tooLarge(place, needed, budget);
    const until = performance.now() + roomMs;
    while (this.bytes() + needed > budget) {
      this.refuseClosed();
      const victim = this.leastRecentlyUsed();
      if (victim !== undefined) await this.evict(victim, "memory");
      else if (performance.now() < until) await this.idle(until);
      else
        throw new EngineError(
          "overloaded",
          `model ${place.options.name} — expected room for ${mebibytes(needed)} within ${mebibytes(budget)}, got other models in use. Try again later.`,
          { retryAfter: 5 },
        );
    }
  }

  private async evict(place: ModelPlace, reason: "memory" | "asked"): Promise<void> {
    const host = place.leave();
    if (host === undefined) return;
    await host.close(0);
    this.options.observer.modelUnloaded(place.options.name, host.model.digest, reason);
  }

  private leastRecentlyUsed(): ModelPlace | undefined {
    const idle = this.places.filter((place) => place.host !== undefined && place.users === 0);
    return idle.sort((a, b) => a.lastUsed - b.lastUsed)[0];
  }

  private bytes(): number {
    return this.places.reduce((sum, place) => sum + place.bytes(), 0);
  }

  private becameIdle(): void {
    for (const done of this.onIdle.splice(0)) done();
    const now = performance.now();
    if (this.options.budget === undefined || this.closed || now - this.looked < LOOK_MS) return;
    this.looked = now;
    this.inTurn(() => this.settle()).catch(() => {});
  }

  /** The next time that a model is free, or `until`. */
  private idle(until: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(0, until - performance.now()));
      this.onIdle.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  private refuseClosed(): void {
    if (this.closed)
      throw new EngineError("not_ready", "the server — expected to be open, got a stop in progress. Try another.", { retryAfter: 5 });
  }
}

/** Refusals that say all there is to say. */
const KEPT: readonly string[] = ["model_too_large", "overloaded", "not_ready"];

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "failed";
}

function tooLarge({ options }: ModelPlace, needed: number, budget: number): EngineError {
  return new EngineError(
    "model_too_large",
    `model ${options.name} — expected one that fits the memory for models, ${mebibytes(budget)}, got one that takes ${mebibytes(needed)}. Serve it with a larger --max-model-bytes, or with --precision int8.`,
  );
}

function loadFailed({ options }: ModelPlace, code: string, cause?: unknown): EngineError {
  return new EngineError("load_failed", `model ${options.name} — expected to be loaded, got ${code}. The server's log says more.`, {
    cause,
    retryAfter: NEXT_TRY_MS / 1000,
  });
}

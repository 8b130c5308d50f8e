// An engine before it is there: a server can listen, and say that it lives and why it is not ready, while models are opened and class texts are
// embedded. What needs a model is refused with `not_ready` until then; afterwards every call is the opened engine's.

import type { CallOptions, ClassifyOptions, Engine, ImageChoice } from "./contract/engine.js";
import { EngineError } from "./contract/errors.js";

/** What opens an engine: it says what it is at, in words without names of files, and gives the engine and when that is warm. */
export type EngineOpening = (say: (at: string) => void) => Promise<{ readonly engine: Engine; readonly ready: Promise<void> }>;

/** Seconds after which another try may do. */
const RETRY_AFTER = 5;

/**
 * An engine that is opened later.
 * @returns the engine, and what begins to open it: its promise settles when the engine is ready, and rejects as opening or warming up did
 * @example const { engine, open } = deferredEngine(() => createEngine(options)); await listen(await createServer({ engine, … })); await open();
 */
export function deferredEngine(opening: EngineOpening): { readonly engine: Engine; readonly open: () => Promise<void> } {
  const engine = new DeferredEngine();
  return { engine, open: () => engine.open(opening) };
}

class DeferredEngine implements Engine {
  private opened: Engine | undefined;
  private reason = "not opened yet";
  private draining = false;
  private closed = false;

  async open(opening: EngineOpening): Promise<void> {
    try {
      const { engine, ready } = await opening((at) => {
        this.reason = at;
      });
      this.opened = engine;
      // told to stop meanwhile
      if (this.draining) engine.drain();
      if (this.closed) {
        ready.catch(() => {});
        return await engine.close(0);
      }
      await ready;
    } catch (error) {
      this.reason = error instanceof Error && "code" in error ? String(error.code) : "failed";
      throw error;
    }
  }

  private now(): Engine {
    if (this.opened !== undefined && !this.closed) return this.opened;
    const got = this.closed ? "closed" : this.reason;
    throw new EngineError("not_ready", `the server — expected to be ready, got ${got}. Try again.`, { retryAfter: RETRY_AFTER });
  }

  models() {
    return this.now().models();
  }
  model(name: string) {
    return this.now().model(name);
  }
  readiness(): ReturnType<Engine["readiness"]> {
    return this.opened?.readiness() ?? { ready: false, reason: this.draining ? "draining" : this.reason };
  }
  async load(model: string, options?: CallOptions) {
    return this.now().load(model, options);
  }
  async unload(model: string, options?: CallOptions) {
    return this.now().unload(model, options);
  }
  refuseIfFull(model: string): void {
    this.now().refuseIfFull(model);
  }
  async classify(model: string, images: readonly Uint8Array[], options?: ClassifyOptions) {
    return this.now().classify(model, images, options);
  }
  async classifyEmbeddings(model: string, embeddings: Float32Array, options?: ClassifyOptions) {
    return this.now().classifyEmbeddings(model, embeddings, options);
  }
  async embedImages(model: string, images: readonly Uint8Array[], options?: CallOptions & ImageChoice) {
    return this.now().embedImages(model, images, options);
  }
  async embedTexts(model: string, texts: readonly string[], options?: CallOptions) {
    return this.now().embedTexts(model, texts, options);
  }
  banks() {
    return this.now().banks();
  }
  async addBank(name: string, bytes: Uint8Array) {
    return this.now().addBank(name, bytes);
  }
  async renewBank(name: string) {
    return this.now().renewBank(name);
  }
  async compileBank(name: string, classes: readonly string[], options?: CallOptions) {
    return this.now().compileBank(name, classes, options);
  }
  drain(): void {
    this.draining = true;
    this.opened?.drain();
  }
  async close(graceMs: number): Promise<void> {
    this.drain();
    // what is in flight is the opened engine's to end; one that is still being opened is closed as soon as it is there
    await this.opened?.close(graceMs);
    this.closed = true;
  }
}

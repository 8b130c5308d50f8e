// The page's end of the engine: requests as promises, with progress and a way to stop them. A worker that dies fails what waits for it.

import type { DeviceState, Failure, FromEngine, Progress, RequestName, Requests, ToEngine } from "./protocol.js";

/** What went wrong in the engine, by its stable code. */
export class EngineFailure extends Error {
  readonly code: string;
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.name = "EngineFailure";
    this.code = failure.code;
    this.failure = failure;
  }
}

export interface AskOptions {
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface EngineClient {
  ask<N extends RequestName>(name: N, ask: Requests[N]["ask"], options?: AskOptions): Promise<Requests[N]["answer"]>;
  /** Ends the worker: whatever waits fails with `stopped`. */
  end(): void;
}

interface Waiting {
  resolve(answer: unknown): void;
  reject(error: unknown): void;
  readonly onProgress: ((progress: Progress) => void) | undefined;
}

/** Wraps a worker that speaks the protocol. */
export function engineClient(worker: Worker, onDevice: (state: DeviceState, reason: string) => void): EngineClient {
  const waiting = new Map<number, Waiting>();
  let next = 1;
  const failAll = (failure: Failure) => {
    for (const { reject } of waiting.values()) reject(new EngineFailure(failure));
    waiting.clear();
  };
  worker.onmessage = ({ data }: MessageEvent<FromEngine>) => {
    if (data.type === "device") return onDevice(data.state, `${data.change.from} → ${data.change.to}: ${data.change.reason}`);
    const entry = waiting.get(data.id);
    if (entry === undefined) return;
    if (data.type === "progress") return entry.onProgress?.(data.progress);
    waiting.delete(data.id);
    if (data.type === "answer") entry.resolve(data.answer);
    else entry.reject(new EngineFailure(data.failure));
  };
  worker.onerror = (event) => {
    event.preventDefault();
    failAll({ code: "engine_died", message: event.message || "the engine did not start. Reload the page." });
  };
  const post = (message: ToEngine) => worker.postMessage(message);
  return {
    ask(name, ask, { onProgress, signal } = {}) {
      const id = next++;
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(new EngineFailure({ code: "stopped", message: "stopped" }));
        signal?.addEventListener("abort", () => post({ id, name: "stop" }), { once: true });
        waiting.set(id, { resolve: resolve as Waiting["resolve"], reject, onProgress });
        post({ id, name, ask } as ToEngine);
      });
    },
    end() {
      worker.terminate();
      failAll({ code: "stopped", message: "stopped" });
    },
  };
}

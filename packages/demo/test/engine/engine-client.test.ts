// The page's end of the engine, against a port that stands in for the worker: what goes out, what comes back, what ends.

import { describe, expect, it } from "vitest";
import { EngineFailure, engineClient } from "../../src/engine/engine-client.js";
import type { FromEngine, Progress, ToEngine } from "../../src/engine/protocol.js";

/** A worker that keeps what it is told and says what the test says. */
class FakeWorker {
  readonly got: ToEngine[] = [];
  ended = false;
  onmessage: ((event: { data: FromEngine }) => void) | null = null;
  onerror: ((event: { message: string; preventDefault(): void }) => void) | null = null;

  postMessage(message: ToEngine): void {
    this.got.push(message);
  }
  terminate(): void {
    this.ended = true;
  }
  say(message: FromEngine): void {
    this.onmessage?.({ data: message });
  }
}

function started() {
  const worker = new FakeWorker();
  const devices: string[] = [];
  const client = engineClient(worker as unknown as Worker, (state, reason) => devices.push(`${state.device}: ${reason}`));
  return { worker, client, devices };
}

const failed = (code: string) => expect.objectContaining({ name: "EngineFailure", code });

describe("the engine's client", () => {
  it("gives every request a number of its own and answers it by that number, in whatever order answers come", async () => {
    const { worker, client } = started();
    const [first, second] = [client.ask("memory", {}), client.ask("clear", {})];
    expect(worker.got).toEqual([
      { id: 1, name: "memory", ask: {} },
      { id: 2, name: "clear", ask: {} },
    ]);
    worker.say({ id: 2, type: "answer", answer: { cleared: 3 } });
    worker.say({ id: 1, type: "answer", answer: { persistent: true } });
    expect(await first).toEqual({ persistent: true });
    expect(await second).toEqual({ cleared: 3 });
  });

  it("passes progress on to whoever asked, and to no one once the answer came", async () => {
    const { worker, client } = started();
    const seen: Progress[] = [];
    const answer = client.ask("classify", { images: [] }, { onProgress: (p) => seen.push(p) });
    const progress: Progress = { kind: "images", done: 1, total: 2 };
    worker.say({ id: 1, type: "progress", progress });
    worker.say({ id: 1, type: "answer", answer: [] });
    worker.say({ id: 1, type: "progress", progress });
    worker.say({ id: 9, type: "answer", answer: [] });
    expect(await answer).toEqual([]);
    expect(seen).toEqual([progress]);
  });

  it("rejects with the engine's code and words", async () => {
    const { worker, client } = started();
    const answer = client.ask("memory", {});
    worker.say({ id: 1, type: "failed", failure: { code: "not_open", message: "no model is open" } });
    await expect(answer).rejects.toThrow(EngineFailure);
    await expect(answer).rejects.toEqual(failed("not_open"));
  });

  it("asks the engine to stop by the request's number, and leaves the ending to it", async () => {
    const { worker, client } = started();
    const stop = new AbortController();
    const answer = client.ask("classify", { images: [] }, { signal: stop.signal });
    stop.abort();
    expect(worker.got.at(-1)).toEqual({ id: 1, name: "stop" });
    worker.say({ id: 1, type: "failed", failure: { code: "stopped", message: "stopped" } });
    await expect(answer).rejects.toEqual(failed("stopped"));
  });

  it("sends nothing for a request that was stopped before it began", async () => {
    const { worker, client } = started();
    await expect(client.ask("classify", { images: [] }, { signal: AbortSignal.abort() })).rejects.toEqual(failed("stopped"));
    expect(worker.got).toEqual([]);
  });

  it("fails everything that waits when the worker dies, in the worker's words or with a remedy where it has none", async () => {
    const { worker, client } = started();
    for (const [message, told] of [
      ["out of memory", /^out of memory$/],
      ["", /did not start\. Reload the page\.$/],
    ] as const) {
      const waiting = [client.ask("memory", {}), client.ask("clear", {})];
      let prevented = false;
      worker.onerror?.({ message, preventDefault: () => (prevented = true) });
      for (const answer of waiting) await expect(answer).rejects.toEqual(failed("engine_died"));
      for (const answer of waiting) await expect(answer).rejects.toThrow(told);
      expect(prevented).toBe(true);
    }
  });

  it("ends the worker and what waits for it", async () => {
    const { worker, client } = started();
    const answer = client.ask("memory", {});
    client.end();
    expect(worker.ended).toBe(true);
    await expect(answer).rejects.toEqual(failed("stopped"));
  });

  it("says which device took over from which, and why", () => {
    const { worker, devices } = started();
    const state = { device: "wasm", precision: "int8", detail: "1 thread", canLearn: true };
    worker.say({ type: "device", state, change: { from: "webgpu", to: "wasm", reason: "the device was lost" } });
    expect(devices).toEqual(["wasm: webgpu → wasm: the device was lost"]);
  });
});

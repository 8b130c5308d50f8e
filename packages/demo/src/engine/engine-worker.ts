// The worker: messages in, one engine, messages out. Requests run one after another where they compute; "stop" aborts one by its id.

import { failureOf } from "./call.js";
import { createEngine } from "./engine.js";
import type { FromEngine, Progress, ToEngine } from "./protocol.js";

const scope = globalThis as unknown as {
  postMessage(message: FromEngine): void;
  onmessage: ((event: MessageEvent<ToEngine>) => void) | null;
};

const engine = createEngine((state, change) => scope.postMessage({ type: "device", state, change }));
const running = new Map<number, AbortController>();
// one request at a time: a bank must not change under a batch of images
let last: Promise<unknown> = Promise.resolve();
/** Answered at once: they touch neither bank nor encoder. */
const asides: ReadonlySet<string> = new Set(["memory", "places", "look", "view", "sendable"]);

scope.onmessage = ({ data }) => {
  if (data.name === "stop") {
    running.get(data.id)?.abort();
    return;
  }
  const { id, name, ask } = data;
  const stop = new AbortController();
  running.set(id, stop);
  const tell = (progress: Progress) => scope.postMessage({ id, type: "progress", progress });
  // the map of Requests ties name and ask together; the compiler cannot follow it through the union
  const run = engine[name] as (ask: unknown, call: { signal: AbortSignal; tell(progress: Progress): void }) => Promise<unknown>;
  const turn = asides.has(name) ? Promise.resolve() : last;
  const done = turn
    .then(() => {
      stop.signal.throwIfAborted();
      return run(ask, { signal: stop.signal, tell });
    })
    .then(
      (answer) => scope.postMessage({ id, type: "answer", answer }),
      (error) => scope.postMessage({ id, type: "failed", failure: failureOf(error) }),
    )
    .finally(() => running.delete(id));
  if (!asides.has(name)) last = done;
};

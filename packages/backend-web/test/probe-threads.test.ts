// A probe leaves nothing running. Threads that the runtime has started cannot be ended, so in Node a probe starts none: under `auto` another
// device may be taken, and a process of a server would carry them for its life. A file of its own: the first opening fixes the thread count.

import { createRequire } from "node:module";
import { toyTowers } from "@biovlm/model/testing";
import { expect, it } from "vitest";
import { wasmBackend } from "../src/index.js";

/** The runtime takes its Worker from here when it starts. */
const threads = createRequire(import.meta.url)("node:worker_threads") as { Worker: new (...rest: unknown[]) => object };
let started = 0;
threads.Worker = class extends threads.Worker {
  constructor(...rest: unknown[]) {
    super(...rest);
    started++;
  }
};

const backend = wasmBackend({ threads: 3 });

it("starts no thread to probe, and says how many a model will run with", async () => {
  expect(await backend.probe()).toEqual({ available: true, score: 20, detail: "onnxruntime-web, 3 threads" });
  expect(started).toBe(0);
});

it("starts the threads it told of when a model is opened, and a later probe starts no more", async () => {
  const encoder = await backend.open(toyTowers().graphs);
  expect(started).toBe(2);
  expect(await backend.probe()).toEqual({ available: true, score: 20, detail: "onnxruntime-web, 3 threads" });
  expect(started).toBe(2);
  await encoder.close();
});

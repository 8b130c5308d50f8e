// The conformance suite on WebAssembly in Node with two threads; a file of its own, because the first backend fixes the thread count.

import { describeEncoder } from "@biovlm/model/testing";
import { afterAll, describe, expect, it } from "vitest";
import { wasmBackend } from "../src/index.js";

const backend = wasmBackend({ threads: 2, maxBatch: 4 });

it("says how many threads it runs with", async () => {
  expect(await backend.probe()).toMatchObject({ available: true, detail: "onnxruntime-web, 2 threads" });
});

describeEncoder("wasm with two threads", { backend }, { describe, it, afterAll });

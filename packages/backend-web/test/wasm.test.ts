// The conformance suite on WebAssembly in Node.

import { describeEncoder } from "@biovlm/model/testing";
import { afterAll, describe, it } from "vitest";
import { wasmBackend } from "../src/index.js";

const runner = { describe, it, afterAll };

describeEncoder("wasm", { backend: wasmBackend({ threads: 1, maxBatch: 4 }) }, runner);
describeEncoder("wasm in int8", { backend: wasmBackend({ threads: 1, maxBatch: 4 }), precision: "int8", tolerance: 0.06 }, runner);

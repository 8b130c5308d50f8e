// The conformance suite on CPU threads, in every precision.

import { describeEncoder } from "@biovlm/model/testing";
import { afterAll, describe, it } from "vitest";
import { cpuBackend } from "../src/index.js";

const runner = { describe, it, afterAll };

describeEncoder("cpu", { backend: cpuBackend({ threads: 1, maxBatch: 4 }) }, runner);
describeEncoder("cpu with its own settings", { backend: cpuBackend() }, runner);
describeEncoder("cpu in two lanes", { backend: cpuBackend({ lanes: 2, maxBatch: 4 }) }, runner);
// int8: image weights of 8 bits, on a tower of 16 numbers a row
describeEncoder("cpu in int8", { backend: cpuBackend({ threads: 1, maxBatch: 4 }), precision: "int8", tolerance: 0.06 }, runner);
describeEncoder("cpu in fp16", { backend: cpuBackend({ threads: 1, maxBatch: 4 }), precision: "fp16", tolerance: 0.01 }, runner);

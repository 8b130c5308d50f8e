// The arithmetic that pays on a device: float16 where shaders have it, 8 bits for images on the CPU. For inference; training runs in float32.

import type { EncoderGraphs } from "@biovlm/model/backend";
import type { AdapterReport } from "./gpu-adapter.js";
import type { WebDevice } from "./web-backend.js";

/** A pure choice; the adapter's report is looked at for webgpu only. Banks are the same in every precision, answers differ in the last digits. */
export function preferredPrecision(device: WebDevice, adapter?: AdapterReport): EncoderGraphs["precision"] {
  if (device === "wasm") return "int8";
  return adapter?.available === true && adapter.float16 ? "fp16" : "fp32";
}
